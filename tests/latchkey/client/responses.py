"""Answers of a server as tests need them."""

import json
from typing import Any

from latchkey.credentials import Credential, generate_key_id, generate_secret
from tests.latchkey.stub import PROBLEM, StubResponse

KEY_ID = generate_key_id()
CREDENTIAL = Credential(KEY_ID, generate_secret())
KEY: dict[str, Any] = {
    "key_id": KEY_ID,
    "label": "billing",
    "owner": "",
    "scopes": ["orders:read"],
    "rate_limit": {"burst": 5, "per_seconds": 60},
    "enabled": True,
    "state": "active",
    "created_at": "2027-01-31T09:30:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
    "metadata": {},
    "secrets": [
        {
            "id": 1,
            "state": "active",
            "created_at": "2027-01-31T09:30:00Z",
            "expires_at": None,
            "first_used_at": None,
            "last_used_at": None,
        }
    ],
    "of_a_later_version": 1,
}


def json_response(value: object, status: int = 200, **fields: str) -> StubResponse:
    return StubResponse(status, {"Content-Type": "application/json", **fields}, json.dumps(value).encode())


def problem_response(status: int, slug: str, *, retry_after: str | None = None, **members: object) -> StubResponse:
    body = {
        "type": f"https://keys.example/problems/{slug}",
        "title": "No",
        "detail": "Why.",
        "status": status,
        **members,
    }
    fields = PROBLEM | ({"Retry-After": retry_after} if retry_after else {})
    return StubResponse(status, fields, json.dumps(body).encode())
