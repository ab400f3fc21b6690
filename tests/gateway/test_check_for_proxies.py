"""Parameters of /v1/check for proxies: 200 in place of 204, and the kind of problem in a header field."""

import pytest

from apikeys.config_service import ConfigService
from tests.gateway.endpoints import Ask, by_django, by_fast_path, check, natively
from tests.gateway.largest_key import LARGEST

pytestmark = pytest.mark.django_db(transaction=True)
ENDPOINTS = pytest.mark.parametrize("ask", [by_django, natively, by_fast_path], ids=["django", "native", "fast path"])


@pytest.fixture
def credential(service: ConfigService) -> str:
    """Of a key whose limit two requests reach."""
    values = {"label": "client", "scopes": ["a:b"], "rate_limit": {"burst": 2, "per_seconds": 3600}}
    return service.issue(values).credential.reveal()


@ENDPOINTS
@pytest.mark.parametrize("query", ["allow=200", "scope=a:b&allow=200"])
def test_allow_200_replaces_204(ask: Ask, credential: str, query: str) -> None:
    """Also where the answer is made in memory, as the second one is; all else stays as it is."""
    for left in ("1", "0"):
        answer = check(ask, credential, query)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.fields["x-ratelimit-remaining"] == left
        assert answer.fields["x-latchkey-scopes"] == "a:b"
        if ask is not by_django:
            assert answer.fields["content-length"] == "0"
    assert check(ask, credential, query).status == 429
    assert check(ask, None, query).status == 401


@ENDPOINTS
def test_problem_field_names_slug(ask: Ask, credential: str) -> None:
    found = {}
    for name, given in (("missing", None), ("wrong", "none"), ("right", credential)):
        for query in ("scope=x:y&deny=403", "scope=x:y"):
            found[name, query] = check(ask, given, query).fields.get("x-latchkey-problem")
    assert list(found.values()) == [
        "missing-credential", None, "malformed-credential", None, "insufficient-scope", None,
    ]  # fmt: skip
    assert check(ask, credential, "deny=403").fields["x-latchkey-problem"] == "quota-exceeded"


@ENDPOINTS
@pytest.mark.parametrize("query", ["allow=204", "allow=", "allow=200&allow=200"])
def test_invalid_allow_is_rejected(ask: Ask, credential: str, query: str) -> None:
    answer = check(ask, credential, query)
    assert (answer.status, answer.problem["errors"][0]["pointer"]) == (422, "/allow")


@ENDPOINTS
def test_largest_response_fits_proxy_buffer(ask: Ask, service: ConfigService) -> None:
    """nginx takes 4 KiB of header from /v1/check if its configuration does not say more."""
    credential = service.issue(LARGEST).credential.reveal()
    for _ in range(2):
        answer = check(ask, credential, "allow=200", **{"X-Request-Id": "r" * 128})
        assert answer.status == 200
        assert sum(len(name) + len(value) + 4 for name, value in answer.fields.items()) < 3600
