"""Checks of a proxy from outside: it passes on what Latchkey allows, and returns Latchkey's response otherwise."""

import base64
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from latchkey import headers
from latchkey.client.proxy_probe import Probe, ProbeResponse
from latchkey.credentials import Credential, generate_key_id, generate_secret

MAX_REQUESTS: Final = 1000
_CHECKS_WITH_KEY: Final = (
    "right key",
    "rate-limit fields",
    "no tunnel",
    "credential is removed",
    "forged identity is removed",
)
_KEY_NEEDED: Final = "needs a key: --api-key"
# An offer to continue with HTTP/2 on the same connection (RFC 7540, section 3.2). A proxy must not pass it on.
_UPGRADE: Final = {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA",
}


class CheckResult(StrEnum):
    """Result of a check."""

    OK = "ok"
    FAILED = "failed"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Check:
    """A requirement and whether it's met; `detail` says what was seen."""

    check: str
    result: CheckResult
    detail: str

    def as_json(self) -> dict[str, object]:
        """Return the check as a row of the result."""
        return {"check": self.check, "result": self.result.value, "detail": self.detail}


def check_proxy(probe: Probe, credential: Credential | None, *, exhaust: bool) -> Iterator[Check]:
    """Yield each check as it's made. Raises NoResponse."""
    without = probe.send()
    yield _check_denied("no credential", without)
    yield _check_denied("malformed credential", probe.send({headers.API_KEY: "none"}))
    yield _check_denied("unknown key", probe.send({headers.API_KEY: f"{generate_key_id()}:{generate_secret()}"}))
    # Only a CORS preflight needs no key, and this request isn't one.
    yield _check_denied("OPTIONS", probe.send(method="OPTIONS"))
    yield _check_request_id(without)
    if credential is None:
        for name in _CHECKS_WITH_KEY:
            yield Check(name, CheckResult.NOT_SEEN, _KEY_NEEDED)
    else:
        yield from _checks_with_key(probe, credential)
    yield _check_over_limit(probe, credential if exhaust else None)


def _checks_with_key(probe: Probe, credential: Credential) -> Iterator[Check]:
    """Yield the checks that need a key."""
    # The marker shows if the service echoes what it receives. The claim is a false identity that must not arrive.
    marker, claim = (f"proxy-test-{secrets.token_hex(8)}" for _ in range(2))
    header_fields = {headers.API_KEY: credential.reveal(), "X-Proxy-Test": marker}
    # Many servers read `_` and `-` in a field's name as the same, so a proxy has to remove both spellings.
    claims = dict.fromkeys((headers.LATCHKEY_KEY_ID, headers.LATCHKEY_OWNER, "X_Latchkey_Owner"), claim)
    response = probe.send({**header_fields, **claims})
    passed = 200 <= response.status < 300
    yield Check("right key", CheckResult.OK if passed else CheckResult.FAILED, _summary(response))
    left = response.header_fields.get("ratelimit") if passed else None
    yield Check(
        "rate-limit fields",
        CheckResult.OK if left else CheckResult.NOT_SEEN,
        left or "no RateLimit: unlimited, or a limit of the proxy",
    )
    yield _check_no_tunnel(probe.send({**header_fields, **_UPGRADE}), marker)
    token = base64.b64encode(credential.reveal().encode())
    echoed = marker.encode() in response.body
    leaked = credential.secret.encode() in response.body or token in response.body
    yield _check_not_forwarded("credential is removed", echoed, leaked, "the service received the credential")
    yield _check_not_forwarded(
        "forged identity is removed",
        echoed,
        claim.encode() in response.body,
        "the service received the client's X-Latchkey-…",
    )


def _check_no_tunnel(response: ProbeResponse, marker: str) -> Check:
    """Check that the proxy doesn't offer the service another protocol on the connection."""
    name = "no tunnel"
    # One checked request must not become a raw connection to the service, as in GHSA-w4v4-9rw7-5326.
    if response.status == 101:
        return Check(name, CheckResult.FAILED, "101: the rest of the connection reaches the service unchecked")
    passed_on = re.search(rb"\bh2c\b", response.body) is not None
    return _check_not_forwarded(name, marker.encode() in response.body, passed_on, "the service received Upgrade: h2c")


def _check_denied(name: str, response: ProbeResponse) -> Check:
    faults = []
    if response.status != 401:
        faults.append("not 401")
    if response.problem is None:
        faults.append("no problem document")
    if "www-authenticate" not in response.header_fields:
        faults.append("no WWW-Authenticate")
    return Check(name, CheckResult.FAILED if faults else CheckResult.OK, ", ".join([_summary(response), *faults]))


def _check_request_id(response: ProbeResponse) -> Check:
    """Check that the request ID is in the header and in the body, so that a client can name a rejected request."""
    request_id = response.header_fields.get(headers.REQUEST_ID.lower())
    same = response.problem is not None and request_id is not None and response.problem.get("request_id") == request_id
    return Check("request id", CheckResult.OK if same else CheckResult.FAILED, request_id or "no X-Request-Id")


def _check_not_forwarded(name: str, echoed: bool, forwarded: bool, fault: str) -> Check:
    if forwarded:
        return Check(name, CheckResult.FAILED, fault)
    if echoed:
        return Check(name, CheckResult.OK, "not in the service's echo")
    # If the service doesn't show what it receives, the absence of the text proves nothing.
    return Check(name, CheckResult.NOT_SEEN, "the service does not echo what it receives")


def _check_over_limit(probe: Probe, credential: Credential | None) -> Check:
    name = "over the limit"
    if credential is None:
        return Check(name, CheckResult.NOT_SEEN, "needs a key whose limit may be used up, and --exhaust")
    for attempt in range(1, MAX_REQUESTS + 1):
        response = probe.send({headers.API_KEY: credential.reveal()})
        if response.status == 429:
            wait = response.header_fields.get(headers.RETRY_AFTER.lower(), "")
            good = response.problem is not None and wait.isdecimal() and int(wait) > 0
            summary = f"{_summary(response)} after {attempt - 1} more, Retry-After: {wait or 'none'}"
            return Check(name, CheckResult.OK if good else CheckResult.FAILED, summary)
        if response.status in (401, 403, 503):
            return Check(name, CheckResult.FAILED, _summary(response))
    return Check(name, CheckResult.FAILED, f"{MAX_REQUESTS} requests were allowed")


def _summary(response: ProbeResponse) -> str:
    problem = response.problem
    return f"{response.status} {problem['type']}" if problem else str(response.status)
