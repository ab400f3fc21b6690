"""Imported tokens on a running server with 4 workers: they pass as before, and are revoked at the next request."""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.apikeys.imports.tables import csv_of, drf_row, drf_token, knox_row, knox_token
from tests.support.server import RunningServer
from tests.support.waiting import wait_until

KEYS = 5000
CHOSEN = 1000

pytestmark = pytest.mark.slow("waits until all workers know new sources of imported tokens")


def answers(server: RunningServer, fields: Sequence[dict[str, str]], path: str = "/v1/check") -> Counter[int]:
    """The statuses of one request for each of `fields`, over 16 connections, so that every worker answers some."""

    def send(part: Sequence[dict[str, str]]) -> Counter[int]:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        found: Counter[int] = Counter()
        for one in part:
            connection.request("GET", path, headers=one)
            answer = connection.getresponse()
            answer.read()
            found[answer.status] += 1
        connection.close()
        return found

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(send, [fields[start::16] for start in range(16)]), Counter())


def by(token: str, number: int) -> dict[str, str]:
    """One of the header fields in which a token is sent."""
    return [{"Authorization": f"Api-Key {token}"}, {"X-API-Key": token}, {"Authorization": f"Bearer {token}"}][
        number % 3
    ]


def import_file(server: RunningServer, path: Path, content: bytes, *arguments: str) -> None:
    path.write_bytes(content)
    server.manage("import_keys", str(path), *arguments)


@pytest.fixture(scope="module")
def tokens(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The tokens of an imported table of djangorestframework-api-key, of which some are chosen at random."""
    # Each worker has decided before that it knows no source.
    assert answers(server, [{"X-API-Key": drf_token()}] * 64) == {401: 64}
    made = [drf_token() for _ in range(KEYS)]
    content = csv_of([drf_row(token, f"customer {number}") for number, token in enumerate(made)])
    path = tmp_path_factory.mktemp("import") / "keys.csv"
    import_file(server, path, content, "--from", "drf-api-key", "--scope", "orders:read", "--burst", "1000",
                "--per-seconds", "60")  # fmt: skip
    # New sources are known everywhere after 5 seconds.
    time.sleep(5.5)
    return random.sample(made, CHOSEN)


def test_old_tokens_pass(server: RunningServer, tokens: list[str]) -> None:
    fields = [by(token, number) for number, token in enumerate(tokens)]
    assert answers(server, fields) == {204: CHOSEN}
    assert answers(server, fields[:100], "/v1/check?scope=orders:read") == {204: 100}
    assert answers(server, fields[:100], "/v1/check?scope=orders:write") == {403: 100}
    assert answers(server, fields[:100], "/v1/whoami") == {200: 100}


def test_digests_are_replaced_after_first_use(server: RunningServer, root: str, tokens: list[str]) -> None:
    assert answers(server, [by(token, 0) for token in tokens]) == {204: CHOSEN}
    database = server.data_dir / "latchkey.sqlite3"
    if not database.exists():
        pytest.skip("the database is a server")

    def foreign() -> int:
        with sqlite3.connect(database) as connection:
            found: int = connection.execute(
                "SELECT count(*) FROM apikeys_keysecret WHERE foreign_hash IS NOT NULL"
            ).fetchone()[0]
            return found

    wait_until(lambda: foreign() == KEYS - CHOSEN, "the digests of all tokens in use")
    assert answers(server, [by(token, 1) for token in tokens]) == {204: CHOSEN}


def test_revocation_rotation_and_limit_apply_to_the_next_request(
    server: RunningServer, root: str, tokens: list[str]
) -> None:
    with httpx.Client(base_url=server.url, headers={"X-API-Key": root}) as client:
        for number, token in enumerate(tokens[:20]):
            fields = by(token, number)
            assert answers(server, [fields] * 32) == {204: 32}
            key_id = httpx.get(f"{server.url}/v1/check", headers=fields).headers["X-Latchkey-Key-Id"]
            if number % 2:
                assert client.delete(f"/v1/keys/{key_id}").status_code == 204
            else:
                rotated = client.post(f"/v1/keys/{key_id}/rotate", json={"grace_seconds": 3600}).json()
                assert answers(server, [fields, {"X-API-Key": rotated["credential"]}] * 16) == {204: 32}
                assert client.post(f"/v1/keys/{key_id}/rotate/finish").status_code == 200
                assert answers(server, [{"X-API-Key": rotated["credential"]}] * 32) == {204: 32}
            assert answers(server, [fields] * 32) == {401: 32}
        fields = by(tokens[20], 0)
        key_id = httpx.get(f"{server.url}/v1/check", headers=fields).headers["X-Latchkey-Key-Id"]
        client.patch(f"/v1/keys/{key_id}", json={"rate_limit": {"burst": 3, "per_seconds": 3600}})
        found = answers(server, [fields] * 64)
        assert found[204] <= 3
        assert found[204] + found[429] == 64


def test_verify_takes_tokens(server: RunningServer, root: str, tokens: list[str]) -> None:
    def verify(text: str) -> Any:
        return httpx.post(f"{server.url}/v1/verify", headers={"X-API-Key": root}, json={"credential": text}).json()

    for token in tokens[-8:]:
        found = verify(token)
        assert (found["code"], found["scopes"]) == ("VALID", ["orders:read"])
        changed = token[:-1] + ("a" if token[-1] != "a" else "b")
        assert verify(changed)["code"] == "INVALID"


def test_fuzzed_shapes_pass_nowhere(server: RunningServer, tokens: list[str]) -> None:
    generator = random.Random(7)
    characters = "0123456789abcdefXYZ.:_-~+/=%\x80\xff"
    fields = []
    for token in tokens[:200]:
        text = list(token)
        for _ in range(generator.randint(1, 3)):
            place = generator.randrange(len(text))
            change = generator.choice(["drop", "add", "other", "swap case"])
            if change == "drop":
                del text[place]
            elif change == "add":
                text.insert(place, generator.choice(characters))
            elif change == "other":
                text[place] = next(c for c in generator.sample(characters, 8) if c != text[place])
            else:
                text[place] = text[place].swapcase() if text[place].isalpha() else "%"
        # Two changes may undo each other.
        if token not in (changed := "".join(text)):
            fields.append(by(changed, generator.randrange(3)))
    assert len(fields) > 150
    assert answers(server, fields) == {401: len(fields)}


def test_knox_tokens_pass(server: RunningServer, tmp_path: Path) -> None:
    made = {"knox": [knox_token() for _ in range(20)], "knox4": [knox_token() for _ in range(20)]}
    for preset, of_preset in made.items():
        rows = [knox_row(token, before_5=preset == "knox4") for token in of_preset]
        import_file(server, tmp_path / f"{preset}.csv", csv_of(rows), "--from", preset, "--unlimited")
    time.sleep(5.5)
    fields = [{"Authorization": f"Token {token}"} for of_preset in made.values() for token in of_preset]
    assert answers(server, fields) == {204: 40}
    assert answers(server, [{"Authorization": f"Token {knox_token()}"} for _ in range(20)]) == {401: 20}


def test_tokens_are_in_no_log(server: RunningServer, tokens: list[str]) -> None:
    log = server.log
    assert not any(token in log or token.partition(".")[2] in log for token in tokens)
