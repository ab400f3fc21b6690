"""LOG_CHECKS: which checks leave a line in the log, what the line says, and what it never says."""

import json
from collections.abc import Container, Iterator
from typing import Any

import pytest
from structlog.contextvars import get_contextvars

from apikeys.config_service import ConfigService, IssuedKey
from gateway.logged_checks import MOST_KEYS, EveryKey, parse_logged_checks
from gateway.native import endpoint, metrics
from httpserver import access_log
from latchkey.credentials import generate_key_id, generate_secret
from tests.gateway.endpoints import by_django, by_fast_path, natively

pytestmark = pytest.mark.django_db(transaction=True)
ENDPOINTS = pytest.mark.parametrize("ask", [natively, by_fast_path], ids=["native", "fast_path"])
REQUEST_ID = "request-of-proxy"
Lines = list[dict[str, Any]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """The lines about requests, as they are written from here on."""
    metrics.loop_authenticator.cache_clear()
    written: Lines = []
    monkeypatch.setattr(access_log.log, "info", lambda _, **members: written.append(get_contextvars() | members))
    yield written
    assert "lks_" not in str(written)


def log(monkeypatch: pytest.MonkeyPatch, keys: Container[str]) -> None:
    monkeypatch.setattr(endpoint, "LOGGED", keys)


def check(ask: Any, credential: str, query: str = "") -> int:
    fields = {"X-API-Key": credential, "X-Request-Id": REQUEST_ID, "X-Forwarded-For": "203.0.113.9"}
    status: int = ask("GET", "/v1/check", query, fields).status
    return status


def told(lines: Lines, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(line.get(name) for name in names) for line in lines]


@pytest.fixture
def key(service: ConfigService) -> IssuedKey:
    return service.issue({"label": "customer", "rate_limit": {"burst": 5, "per_seconds": 86_400}})


@ENDPOINTS
def test_allowed_check_is_not_logged_by_default(ask: Any, key: IssuedKey, lines: Lines) -> None:
    assert [check(ask, key.credential.reveal()) for _ in range(2)] == [204, 204]
    assert lines == []


@ENDPOINTS
@pytest.mark.parametrize("every", [True, False], ids=["all", "named"])
def test_checks_of_logged_key_are_logged(
    ask: Any, every: bool, key: IssuedKey, root: IssuedKey, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(monkeypatch, EveryKey() if every else frozenset([key.key.key_id]))
    credential = key.credential.reveal()
    assert [check(ask, credential, query) for query in ("", "", "allow=200", "scope=a:b", "cost=3")] == [
        204, 204, 200, 403, 429,
    ]  # fmt: skip
    members = told(lines, "key_id", "path", "method", "address", "request_id", "status")
    same = (key.key.key_id, "/v1/check", "GET", "192.0.2.1", REQUEST_ID)
    assert members == [(*same, status) for status in (204, 204, 200, 403, 429)]
    lines.clear()
    assert check(ask, root.credential.reveal()) == 204
    assert told(lines, "key_id") == ([(root.key.key_id,)] if every else [])


@ENDPOINTS
def test_denied_check_logs_known_key(ask: Any, key: IssuedKey, service: ConfigService, lines: Lines) -> None:
    """The id that a wrong secret came with is only claimed: anybody can send it."""
    credential, key_id = key.credential.reveal(), key.key.key_id
    unknown = generate_key_id()
    for other in (f"{key_id}:{generate_secret()}", f"{unknown}:{generate_secret()}"):
        assert check(ask, other) == 401
    service.update(key_id, {"enabled": False})
    assert check(ask, credential) == 401
    service.revoke(key_id)
    assert check(ask, credential) == 401
    assert check(ask, "nonsense") == 401
    proven = (401, key_id, None)
    assert told(lines, "status", "key_id", "claimed_key_id") == [
        (401, None, key_id), (401, None, unknown), proven, proven, (401, None, None),
    ]  # fmt: skip


def test_rest_logs_same_fields(key: IssuedKey, service: ConfigService, lines: Lines) -> None:
    key_id = key.key.key_id
    by_django("GET", "/v1/whoami", "", {"X-API-Key": f"{key_id}:{generate_secret()}"})
    service.revoke(key_id)
    by_django("GET", "/v1/whoami", "", {"X-API-Key": key.credential.reveal()})
    assert told(lines, "status", "key_id", "claimed_key_id") == [(401, None, key_id), (401, key_id, None)]


VERIFICATIONS = pytest.mark.parametrize(
    "ask", [by_django, natively, by_fast_path], ids=["django", "native", "fast_path"]
)


@VERIFICATIONS
def test_verify_logs_caller_key_and_verdict(
    ask: Any, root: IssuedKey, key: IssuedKey, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(monkeypatch, EveryKey())
    fields = {"X-API-Key": root.credential.reveal(), "Content-Type": "application/json"}
    asked = [key.credential.reveal(), f"{key.key.key_id}:{generate_secret()}", "nonsense"]
    for credential in asked:
        assert ask("POST", "/v1/verify", "", fields, b'{"credential": "%s"}' % credential.encode()).status == 200
    assert told(lines, "key_id", "checked_key_id", "verdict", "path", "status") == [
        (root.key.key_id, checked, verdict, "/v1/verify", 200)
        for checked, verdict in ((key.key.key_id, "VALID"), (key.key.key_id, "INVALID"), (None, "INVALID"))
    ]


@ENDPOINTS
def test_valid_verification_is_logged_if_one_of_its_keys_is_named(
    ask: Any, root: IssuedKey, key: IssuedKey, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"X-API-Key": root.credential.reveal(), "Content-Type": "application/json", "X-Request-Id": REQUEST_ID}

    def verify(credential: str, scope: str = "") -> None:
        body = json.dumps({"credential": credential, "scopes": [scope] if scope else []}).encode()
        assert ask("POST", "/v1/verify", "", fields, body).status == 200

    credential = key.credential.reveal()
    for _ in range(2):
        verify(credential)
    assert lines == []
    verify(credential, "a:b")
    verify("nonsense")
    assert told(lines, "verdict", "request_id") == [("INSUFFICIENT_SCOPE", REQUEST_ID), ("INVALID", REQUEST_ID)]
    for named in (key, root):
        lines.clear()
        log(monkeypatch, frozenset([named.key.key_id]))
        verify(credential)
        assert told(lines, "key_id", "checked_key_id", "verdict") == [(root.key.key_id, key.key.key_id, "VALID")]


def test_setting_is_parsed() -> None:
    one, other = generate_key_id(), generate_key_id()
    assert one in parse_logged_checks(["All"])
    assert not parse_logged_checks(["refused"])
    assert parse_logged_checks([one, other, one]) == {one, other}
    assert one not in parse_logged_checks([generate_key_id() for _ in range(MOST_KEYS)])


@pytest.mark.parametrize(
    "entries",
    [
        [],
        ["some"],
        ["all", "refused"],
        ["all", "lk_0123456789ab"],
        ["lk_short"],
        ["LK_0123456789AB"],
        [f"lk_0123456789ab:{generate_secret()}"],
        ["lk_0123456789ab"] * (MOST_KEYS + 1),
    ],
)
def test_invalid_setting_is_rejected_without_repeating_it(entries: list[str]) -> None:
    with pytest.raises(ValueError, match=rf"^must be all, refused, or up to {MOST_KEYS} key IDs") as caught:
        parse_logged_checks(entries)
    assert "lk_" not in str(caught.value)
