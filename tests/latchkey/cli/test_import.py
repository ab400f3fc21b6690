"""`latchkey keys import` against a real server."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.apikeys.imports.tables import csv_of, drf_row, drf_token
from tests.latchkey.cli.running import Latchkey
from tests.support.server import RunningServer, issue

SHAPE = ("--hash", "sha256", "--token-prefix", "old_", "--alphabet", "hex", "--length", "44", "--source")


def line(token: str, **values: Any) -> str:
    return json.dumps({"digest": hashlib.sha256(token.encode()).hexdigest(), "label": "x", **values})


@pytest.mark.slow("waits until all workers know new sources of imported tokens")
def test_table_in_many_batches(latchkey: Latchkey, server: RunningServer, tmp_path: Path) -> None:
    tokens = [drf_token() for _ in range(900)]
    file = tmp_path / "keys.csv"
    file.write_bytes(csv_of([drf_row(token, f"customer {number}") for number, token in enumerate(tokens)]))
    arguments = ("keys", "import", str(file), "--from", "drf-api-key", "--scope", "orders:read", "--owner", "acme")
    dry = latchkey.json(*arguments, "--dry-run")
    assert (dry["read"], dry["imported"], dry["failed"]) == (900, 900, 0)
    typed = latchkey.run(*arguments, "--dry-run", "--rate", "60/min")
    assert (typed.exit_code, typed.out) == (0, "")
    assert "A key without a limit of its own gets 60 per 60 s." in typed.err
    first, again = latchkey.json(*arguments), latchkey.json(*arguments)
    assert (first["imported"], first["unchanged"]) == (900, 0)
    assert (again["imported"], again["unchanged"]) == (0, 900)
    time.sleep(5.5)
    for token in (tokens[0], tokens[-1]):
        answer = httpx.get(f"{server.url}/v1/check?scope=orders:read", headers={"Authorization": f"Api-Key {token}"})
        assert (answer.status_code, answer.headers["X-Latchkey-Owner"]) == (204, "acme")
        assert latchkey.run("--format", "json", "verify", token).json["code"] == "VALID"


def test_errors_by_line(latchkey: Latchkey, tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    file.write_text(
        "\n".join([line("a"), "{", line("b", scopes=["NO"]), line("c", expires_at="2001-01-01"), line("a")])
    )
    ran = latchkey.run("keys", "import", str(file), *SHAPE, "errors", "--unlimited")
    assert ran.exit_code == 2
    assert "5 rows: 1 imported, 0 imported before, 1 skipped (1 expired), 3 with errors." in ran.err
    assert "A key without a limit of its own gets no limit." in ran.err
    rows = [row.split(maxsplit=1) for row in ran.out.splitlines()[1:]]
    assert [number for number, _ in rows] == ["2", "5", "3"]
    assert rows[2][1].startswith("scopes/0: A scope must be")


@pytest.mark.slow("waits for a key's rate limit")
def test_limited_key_waits(latchkey: Latchkey, server: RunningServer, program: Path, tmp_path: Path) -> None:
    credential = issue(server, "--label", "slow", "--scope", "keys:write", "--burst", "2", "--per-seconds", "2")[
        "credential"
    ]
    slow = Latchkey(program, tmp_path, server.url, credential)
    file = tmp_path / "keys.jsonl"
    file.write_text("\n".join(line(str(number), metadata={"text": "x" * 3000}) for number in range(60)))
    started = time.monotonic()
    assert slow.json("keys", "import", str(file), *SHAPE, "slow")["imported"] == 60
    assert time.monotonic() - started > 1


def test_refusals(latchkey: Latchkey, server: RunningServer, program: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    file.write_text(line("z", scopes=["orders:read"]))
    credential = issue(server, "--label", "writer", "--scope", "keys:write")["credential"]
    writer = Latchkey(program, tmp_path, server.url, credential)
    ran = writer.run("keys", "import", str(file), *SHAPE, "grants")
    assert (ran.exit_code, "It lacks: orders:read" in ran.err) == (2, True)
    for arguments, message in (
        (["--from", "nothing"], "--from must be one of"),
        ([*SHAPE[:-1], "--source", "A B"], "/source/name"),
        (["--hash", "hmac-sha256:none", *SHAPE[2:], "x"], "IMPORT_HMAC_SECRETS"),
        (["--hash", "sha256"], "--alphabet and --length"),
    ):
        ran = latchkey.run("keys", "import", str(file), *arguments)
        assert (ran.exit_code, message in ran.err) == (2, True), ran.err
    assert "No such file" in latchkey.run("keys", "import", str(tmp_path / "no.csv"), "--from", "knox").err


@pytest.mark.parametrize("text", ["lks_mistyped", "lk_0123456789ab:lks_x"])
def test_verify_still_names_a_mistyped_credential(latchkey: Latchkey, text: str) -> None:
    ran = latchkey.run("verify", text)
    assert (ran.exit_code, "key_id:secret" in ran.err) == (2, True)
