"""The guides to migrate: what they say to type turns another system's export into keys that work."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docs.guides.pages import blocks, commands, file_of
from tests.docs.guides.terminal import Terminal
from tests.support.server import RunningServer, issue

pytestmark = [
    pytest.mark.slow("runs the commands of the docs"),
    pytest.mark.needs("jq"),
    pytest.mark.storeless("what the commands of a page show"),
]

# As the documentation of each system shows them.
UNKEY = {
    "meta": {"requestId": "req_1234abcd"},
    "data": [
        {
            "keyId": "key_1234abcd",
            "start": "sk_prod",
            "enabled": True,
            "name": "Production",
            "createdAt": 1704067200000,
            "expires": 4102444800500,
            "permissions": ["documents.read"],
            "identity": {"id": "id_1", "externalId": "user_123"},
            "meta": {"plan": "pro"},
            "ratelimits": [
                {"id": "rl_1", "name": "expensive", "limit": 5, "duration": 60000, "autoApply": False},
                {"id": "rl_2", "name": "requests", "limit": 100, "duration": 60000, "autoApply": True},
            ],
        },
        {"keyId": "key_5678efgh", "start": "sk_dev", "enabled": False, "createdAt": 1704153600000},
    ],
}
KONG = {
    "consumers.json": {"data": [{"id": "c1", "username": "acme", "custom_id": None}]},
    "plugins.json": {
        "data": [
            {"name": "rate-limiting", "enabled": True, "consumer": {"id": "c1"}, "config": {"hour": 1000, "day": 5000}},
            {"name": "key-auth", "enabled": True, "consumer": None, "config": {}},
        ]
    },
    "key-auths.json": {
        "data": [{"id": "62a7d3b7", "key": "in-the-clear", "consumer": {"id": "c1"}, "tags": None, "ttl": 86400}]
    },
}
LITELLM = {
    "keys": [
        {
            "token": "80321a12d03412c527f2bd9db5fabd746abead2e1d50b435a534432fbaca9ef5",
            "key_name": "sk-...7sFA",
            "key_alias": "notebooks",
            "expires": "2100-01-18T23:52:09.125000+00:00",
            "models": ["qwen3"],
            "user_id": "ana",
            "team_id": "core-infra",
            "rpm_limit": 100,
            "blocked": None,
        },
        {"token": "f" * 64, "key_name": "sk-...dead", "blocked": True},
    ],
    "total_count": 2,
}
EXPORTS: dict[str, dict[str, Any]] = {
    "unkey": {"unkey.json": UNKEY},
    "kong": KONG,
    "litellm": {"litellm.json": LITELLM},
}
ISSUED: dict[str, dict[str, Any]] = {
    "unkey": {
        "scopes": ["documents:read"],
        "rate_limit": {"burst": 100, "per_seconds": 60},
        "expires_at": "2100-01-01T00:00:00Z",
        "metadata": {"plan": "pro", "unkey_id": "key_1234abcd"},
    },
    "kong": {"scopes": [], "rate_limit": {"burst": 1000, "per_seconds": 3600}},
    "litellm": {"scopes": ["llm:use"], "expires_at": "2100-01-18T23:52:09Z"},
}


@pytest.mark.parametrize("system", EXPORTS)
def test_guide(system: str, latchkey: RunningServer, tmp_path: Path) -> None:
    page = f"migrate-from-{system}.md"
    root = issue(latchkey, "--label", "root", "--scope", "*")["credential"]
    terminal = Terminal(tmp_path, latchkey, {"8000": latchkey.port}, variables={"ROOT": root})
    for file, export in EXPORTS[system].items():
        (tmp_path / file).write_text(json.dumps(export))
    terminal.write(f"{system}.jq", file_of(page, f"{system}.jq"))
    for block in blocks(page):
        if not block.untested:
            terminal.follow(block)
    [issued] = [json.loads(line) for line in (tmp_path / "issued.jsonl").read_text().splitlines()]
    assert issued | ISSUED[system] == issued
    asked = httpx.get(f"{latchkey.url}/v1/whoami", headers={"X-API-Key": issued["credential"]})
    assert asked.json()["owner"] == issued["owner"]
    assert "in-the-clear" not in (tmp_path / "keys.jsonl").read_text()
    issues_no_key_twice(page, terminal)


def issues_no_key_twice(page: str, terminal: Terminal) -> None:
    [again] = [command for block in blocks(page) for command in commands(block) if "Idempotency-Key" in command.typed]
    assert terminal.type(again.typed).returncode == 0
    [repeated] = (terminal.directory / "issued.jsonl").read_text().splitlines()
    assert not re.search('"(secret|credential)":"', repeated)
