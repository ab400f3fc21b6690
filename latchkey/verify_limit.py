"""Rate limits of keys that only verify: a hint for people who issue such a key without naming a limit."""

from collections.abc import Collection, Mapping
from typing import Final

_PEAK: Final = 50
_HEADROOM: Final = 2
_SECONDS: Final = 10
_BURST: Final = _PEAK * _HEADROOM * _SECONDS
SUGGESTED: Final = f"--burst {_BURST} --per-seconds {_SECONDS}"
"""The example's limit, as options of a command."""


def verify_limit_hint(scopes: Collection[str], rate_limit: object, change: str) -> str | None:
    """Return how to find a suitable limit for a key with only the scope `verify`.

    Return None for any other key, and for a key whose limit is large enough. `rate_limit` is JSON as the API shows
    it; `change` says how to change it.
    """
    # A service spends one token of its own key for each request that it checks, so
    # a default that suits a client is soon used up.
    if list(scopes) != ["verify"] or not isinstance(rate_limit, Mapping):
        return None
    burst, per_seconds = rate_limit["burst"], rate_limit["per_seconds"]
    if burst / per_seconds >= _PEAK * _HEADROOM:
        return None
    return (
        f"This key spends a token on each call of /v1/verify. Its limit is the default, {burst} per {per_seconds} s. "
        f"Allow {_HEADROOM} times the service's peak: for {_PEAK} requests per second, that is {_BURST} per "
        f"{_SECONDS} s. {change}"
    )
