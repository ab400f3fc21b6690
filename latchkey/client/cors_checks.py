"""CORS checks: pages of an origin can call what a proxy protects and read the response, and other pages can't."""

from collections.abc import Iterator

from latchkey import headers
from latchkey.client.proxy_checks import Check, CheckResult
from latchkey.client.proxy_probe import Probe, ProbeResponse

_OTHER_ORIGIN = "https://another-origin.invalid"
_ALLOWED = "access-control-allow-origin"


def check_cors(probe: Probe, origin: str) -> Iterator[Check]:
    """Yield each check as it's made. None needs a key. Raises NoResponse."""
    preflight = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": headers.API_KEY.lower()}
    yield _check_preflight(origin, probe.send({"Origin": origin, **preflight}, "OPTIONS"))
    yield _check_readable(origin, probe.send({"Origin": origin}))
    others = probe.send({"Origin": _OTHER_ORIGIN, **preflight}, "OPTIONS"), probe.send({"Origin": _OTHER_ORIGIN})
    allowed = next(
        (response.header_fields[_ALLOWED] for response in others if _ALLOWED in response.header_fields), None
    )
    yield _check("another origin", [] if allowed is None else [f"allows {allowed}"], "allows none")


def _check_preflight(origin: str, response: ProbeResponse) -> Check:
    faults = _origin_faults(origin, response)
    if not 200 <= response.status < 300:
        faults.insert(0, str(response.status))
    accepted = _listed_names(response, "access-control-allow-headers")
    if not accepted & {"*", headers.API_KEY.lower()}:
        faults.append(f"Access-Control-Allow-Headers lacks {headers.API_KEY}")
    return _check("preflight", faults, str(response.status))


def _check_readable(origin: str, response: ProbeResponse) -> Check:
    """Check that a page can read a response that denies its request."""
    # A page that can't read a 401 sees a failed connection. After a 429 it needs to know how long to wait.
    faults = _origin_faults(origin, response)
    if not _listed_names(response, "access-control-expose-headers") & {"*", headers.RETRY_AFTER.lower()}:
        faults.append(f"Access-Control-Expose-Headers lacks {headers.RETRY_AFTER}")
    return _check("error is readable", faults, f"{response.status} allows {origin}")


def _origin_faults(origin: str, response: ProbeResponse) -> list[str]:
    allowed = response.header_fields.get(_ALLOWED)
    return [] if allowed == origin else [f"allows {allowed or 'no origin'}"]


def _listed_names(response: ProbeResponse, field: str) -> set[str]:
    return {name.strip().lower() for name in response.header_fields.get(field, "").split(",")}


def _check(name: str, faults: list[str], right: str) -> Check:
    return Check(name, CheckResult.FAILED if faults else CheckResult.OK, ", ".join(faults) or right)
