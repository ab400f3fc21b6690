"""Rate limit header fields of a response, in the syntax of the IETF draft and as the older X-RateLimit fields.

draft-ietf-httpapi-ratelimit-headers-11 is not an RFC yet and still changes. Only this module depends on its
syntax.
"""

from typing import Final

from latchkey import headers

POLICY: Final = "key"


def policy_fields(burst: int, per_seconds: int) -> list[tuple[str, str]]:
    """Return the fields that describe a limit, independent of the state of its bucket."""
    return [
        (headers.RATE_LIMIT_POLICY, f'"{POLICY}";q={burst};w={per_seconds}'),
        (headers.X_RATE_LIMIT_LIMIT, str(burst)),
    ]


def state_fields(remaining: object, next_token_seconds: object, reset_seconds: object) -> list[tuple[str, str]]:
    """Return the fields that describe a bucket: its tokens, and the seconds until one more and until all of them.

    The values are numbers, or placeholders in a template.
    """
    return [
        (headers.RATE_LIMIT, f'"{POLICY}";r={remaining};t={next_token_seconds}'),
        (headers.X_RATE_LIMIT_REMAINING, str(remaining)),
        (headers.X_RATE_LIMIT_RESET, str(reset_seconds)),
    ]
