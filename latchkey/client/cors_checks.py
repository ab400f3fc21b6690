"""CORS checks: pages of an origin can call what a proxy protects and read the response, and other pages can't."""

from collections.abc import Iterator

from latchkey import headers
from latchkey.client.proxy_checks import Check, Result
from latchkey.client.proxy_probe import Probe, Seen

_ANOTHER = "https://another-origin.invalid"
_ALLOWED = "access-control-allow-origin"


def cors_checks(probe: Probe, origin: str) -> Iterator[Check]:
    """Yield each check as it's made. None needs a key. Raises NoAnswer."""
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": headers.API_KEY.lower()}
    yield _preflight(origin, probe.ask({"Origin": origin, **asked}, "OPTIONS"))
    yield _readable(origin, probe.ask({"Origin": origin}))
    others = probe.ask({"Origin": _ANOTHER, **asked}, "OPTIONS"), probe.ask({"Origin": _ANOTHER})
    allowed = next((seen.fields[_ALLOWED] for seen in others if _ALLOWED in seen.fields), None)
    yield _check("another origin", [] if allowed is None else [f"allows {allowed}"], "allows none")


def _preflight(origin: str, seen: Seen) -> Check:
    wrong = _not_allowed(origin, seen)
    if not 200 <= seen.status < 300:
        wrong.insert(0, str(seen.status))
    accepted = _names(seen, "access-control-allow-headers")
    if not accepted & {"*", headers.API_KEY.lower()}:
        wrong.append(f"Access-Control-Allow-Headers lacks {headers.API_KEY}")
    return _check("preflight", wrong, str(seen.status))


def _readable(origin: str, seen: Seen) -> Check:
    """Check that a page can read a response that denies its request."""
    # A page that can't read a 401 sees a failed connection. After a 429 it needs to know how long to wait.
    wrong = _not_allowed(origin, seen)
    if not _names(seen, "access-control-expose-headers") & {"*", headers.RETRY_AFTER.lower()}:
        wrong.append(f"Access-Control-Expose-Headers lacks {headers.RETRY_AFTER}")
    return _check("error is readable", wrong, f"{seen.status} allows {origin}")


def _not_allowed(origin: str, seen: Seen) -> list[str]:
    allowed = seen.fields.get(_ALLOWED)
    return [] if allowed == origin else [f"allows {allowed or 'no origin'}"]


def _names(seen: Seen, field: str) -> set[str]:
    return {name.strip().lower() for name in seen.fields.get(field, "").split(",")}


def _check(name: str, wrong: list[str], right: str) -> Check:
    return Check(name, Result.FAILED if wrong else Result.OK, ", ".join(wrong) or right)
