"""Checks of a proxy from outside: it passes on what Latchkey allows, and returns Latchkey's response otherwise."""

import base64
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from latchkey import headers
from latchkey.client.proxy_probe import Probe, Seen
from latchkey.credentials import Credential, generate_key_id, generate_secret

MOST_REQUESTS: Final = 1000
_WITH_A_KEY: Final = (
    "right key",
    "rate-limit fields",
    "no tunnel",
    "credential is removed",
    "forged identity is removed",
)
_NO_KEY: Final = "needs a key: --api-key"
# An offer to continue with HTTP/2 on the same connection (RFC 7540, section 3.2). A proxy must not pass it on.
_UPGRADE: Final = {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA",
}


class Result(StrEnum):
    """Result of a check."""

    OK = "ok"
    FAILED = "failed"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Check:
    """A requirement and whether it's met; `detail` says what was seen."""

    check: str
    result: Result
    detail: str

    def as_json(self) -> dict[str, object]:
        """Return the check as a row of the result."""
        return {"check": self.check, "result": self.result.value, "detail": self.detail}


def checks(probe: Probe, credential: Credential | None, *, exhaust: bool) -> Iterator[Check]:
    """Yield each check as it's made. Raises NoAnswer."""
    without = probe.ask()
    yield _refused("no credential", without)
    yield _refused("malformed credential", probe.ask({headers.API_KEY: "none"}))
    yield _refused("unknown key", probe.ask({headers.API_KEY: f"{generate_key_id()}:{generate_secret()}"}))
    # Only a CORS preflight needs no key, and this request isn't one.
    yield _refused("OPTIONS", probe.ask(method="OPTIONS"))
    yield _named(without)
    if credential is None:
        for name in _WITH_A_KEY:
            yield Check(name, Result.NOT_SEEN, _NO_KEY)
    else:
        yield from _with_key(probe, credential)
    yield _over_the_limit(probe, credential if exhaust else None)


def _with_key(probe: Probe, credential: Credential) -> Iterator[Check]:
    """Yield the checks that need a key."""
    # The marker shows if the service echoes what it receives. The claim is a false identity that must not arrive.
    marker, claim = (f"proxy-test-{secrets.token_hex(8)}" for _ in range(2))
    fields = {headers.API_KEY: credential.reveal(), "X-Proxy-Test": marker}
    # Many servers read `_` and `-` in a field's name as the same, so a proxy has to remove both spellings.
    claims = dict.fromkeys((headers.LATCHKEY_KEY_ID, headers.LATCHKEY_OWNER, "X_Latchkey_Owner"), claim)
    seen = probe.ask({**fields, **claims})
    passes = 200 <= seen.status < 300
    yield Check("right key", Result.OK if passes else Result.FAILED, _told(seen))
    left = seen.fields.get("ratelimit") if passes else None
    yield Check(
        "rate-limit fields",
        Result.OK if left else Result.NOT_SEEN,
        left or "no RateLimit: unlimited, or a limit of the proxy",
    )
    yield _no_tunnel(probe.ask({**fields, **_UPGRADE}), marker)
    token = base64.b64encode(credential.reveal().encode())
    echoed = marker.encode() in seen.body
    leaked = credential.secret.encode() in seen.body or token in seen.body
    yield _stripped("credential is removed", echoed, leaked, "the service received the credential")
    yield _stripped(
        "forged identity is removed",
        echoed,
        claim.encode() in seen.body,
        "the service received the client's X-Latchkey-…",
    )


def _no_tunnel(seen: Seen, marker: str) -> Check:
    """Check that the proxy doesn't offer the service another protocol on the connection."""
    name = "no tunnel"
    # One checked request must not become a raw connection to the service, as in GHSA-w4v4-9rw7-5326.
    if seen.status == 101:
        return Check(name, Result.FAILED, "101: the rest of the connection reaches the service unchecked")
    passed_on = re.search(rb"\bh2c\b", seen.body) is not None
    return _stripped(name, marker.encode() in seen.body, passed_on, "the service received Upgrade: h2c")


def _refused(name: str, seen: Seen) -> Check:
    wrong = []
    if seen.status != 401:
        wrong.append("not 401")
    if seen.problem is None:
        wrong.append("no problem document")
    if "www-authenticate" not in seen.fields:
        wrong.append("no WWW-Authenticate")
    return Check(name, Result.FAILED if wrong else Result.OK, ", ".join([_told(seen), *wrong]))


def _named(seen: Seen) -> Check:
    """Check that the request ID is in the header and in the body, so that a client can name a rejected request."""
    named = seen.fields.get(headers.REQUEST_ID.lower())
    same = seen.problem is not None and named is not None and seen.problem.get("request_id") == named
    return Check("request id", Result.OK if same else Result.FAILED, named or "no X-Request-Id")


def _stripped(name: str, echoed: bool, seen: bool, wrong: str) -> Check:
    if seen:
        return Check(name, Result.FAILED, wrong)
    if echoed:
        return Check(name, Result.OK, "not in the service's echo")
    # If the service doesn't show what it receives, the absence of the text proves nothing.
    return Check(name, Result.NOT_SEEN, "the service does not echo what it receives")


def _over_the_limit(probe: Probe, credential: Credential | None) -> Check:
    name = "over the limit"
    if credential is None:
        return Check(name, Result.NOT_SEEN, "needs a key whose limit may be used up, and --exhaust")
    for made in range(1, MOST_REQUESTS + 1):
        seen = probe.ask({headers.API_KEY: credential.reveal()})
        if seen.status == 429:
            wait = seen.fields.get(headers.RETRY_AFTER.lower(), "")
            good = seen.problem is not None and wait.isdecimal() and int(wait) > 0
            told = f"{_told(seen)} after {made - 1} more, Retry-After: {wait or 'none'}"
            return Check(name, Result.OK if good else Result.FAILED, told)
        if seen.status in (401, 403, 503):
            return Check(name, Result.FAILED, _told(seen))
    return Check(name, Result.FAILED, f"{MOST_REQUESTS} requests were allowed")


def _told(seen: Seen) -> str:
    problem = seen.problem
    return f"{seen.status} {problem['type']}" if problem else str(seen.status)
