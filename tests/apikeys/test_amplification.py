"""A refused body does not come back many times larger."""

import pytest

from latchkey.problems import MAX_ERRORS
from tests.conftest import Caller

pytestmark = pytest.mark.django_db

MANY = ",".join(f'"{number:x}":0' for number in range(7000))
WRONG = ",".join("1" for _ in range(30_000))
BODIES = {
    "unknown members of a key": ("/v1/keys", f"{{{MANY}}}"),
    "unknown members of a rate limit": ("/v1/keys", f'{{"label": "x", "rate_limit": {{{MANY}}}}}'),
    "scopes": ("/v1/keys", f'{{"label": "x", "scopes": [{WRONG}]}}'),
    "event types": ("/v1/webhooks", f'{{"url": "https://hooks.example", "event_types": [{WRONG}]}}'),
    "unknown members of a webhook": ("/v1/webhooks", f"{{{MANY}}}"),
    "unknown members of a waiver": ("/v1/waivers", f"{{{MANY}}}"),
    "unknown members of a rotation": ("/v1/keys/lk_0123456789ab/rotate", f"{{{MANY}}}"),
    "unknown members of a verification": ("/v1/verify", f"{{{MANY}}}"),
    "one long member": ("/v1/keys", f'{{"{"x" * 60_000}": 0}}'),
}


@pytest.mark.parametrize("kind", BODIES)
def test_error_response_is_short(api: Caller, kind: str) -> None:
    path, body = BODIES[kind]
    response = api.post(path, body, content_type="application/json")
    assert 400 <= response.status_code < 500
    assert len(response.content) < 20_000
    assert len(response.json().get("errors", [])) <= MAX_ERRORS + 1
