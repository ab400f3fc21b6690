"""--output, --columns, --sort and --jq, with a real server."""

import csv
import io
import shutil
from typing import Any

import pytest
import yaml

from tests.latchkey.cli.running import Latchkey

pytestmark = pytest.mark.slow("runs the installed command many times")


@pytest.fixture
def keys(latchkey: Latchkey) -> list[dict[str, Any]]:
    """Three keys of one owner, oldest first."""
    owner = f"team {latchkey.json('whoami')['request_id'][:8]}"
    values = [("beta", "5"), ("=1+1", "70"), ("alpha", "6")]
    return [
        latchkey.json("keys", "create", "--label", label, "--owner", owner, "--burst", burst, "--per-seconds", "60")
        for label, burst in values
    ]


def test_each_format(latchkey: Latchkey, keys: list[dict[str, Any]]) -> None:
    ask = ("keys", "list", "--owner", keys[0]["owner"])
    newest_first = [key["key_id"] for key in reversed(keys)]
    document = latchkey.json(*ask)
    assert latchkey.run(*ask, "-o", "json").json == document
    assert yaml.safe_load(latchkey.run(*ask, "-o", "yaml").out) == document
    assert latchkey.run(*ask, "-oname").out.split() == newest_first
    rows = list(csv.DictReader(io.StringIO(latchkey.run("-o", "csv", *ask).out)))
    assert [row["key_id"] for row in rows] == newest_first
    assert rows[1]["label"] == "'=1+1", "no spreadsheet runs it"
    assert list(rows[0]) == ["key_id", "label", "owner", "state", "limit", "last_used"]
    one = ("keys", "show", keys[0]["key_id"])
    assert yaml.safe_load(latchkey.run(*one, "--output", "yaml").out) == latchkey.json(*one)
    assert latchkey.run(*one, "-o", "name").out == f"{keys[0]['key_id']}\n"
    assert latchkey.run(*ask, LATCHKEY_FORMAT="name").out.split() == newest_first


def test_columns_and_sort(latchkey: Latchkey, keys: list[dict[str, Any]]) -> None:
    ask = ("keys", "list", "--owner", keys[0]["owner"])
    shown = latchkey.run(*ask, "--columns", "label,rate_limit.burst", "--sort", "-rate_limit.burst").out
    assert [line.split() for line in shown.splitlines()] == [
        ["LABEL", "RATE_LIMIT.BURST"], ["=1+1", "70"], ["alpha", "6"], ["beta", "5"],
    ]  # fmt: skip
    by_label = [key["label"] for key in latchkey.json(*ask, "--sort", "label")["items"]]
    assert by_label == ["=1+1", "alpha", "beta"]
    unknown = latchkey.run(*ask, "--columns", "nothing")
    assert (unknown.exit_code, unknown.out, "rate_limit" in unknown.err) == (2, "", True)
    assert latchkey.run(*ask, "-o", "json", "--columns", "label").exit_code == 2


def test_times_are_relative_in_tables_alone(latchkey: Latchkey, keys: list[dict[str, Any]]) -> None:
    key = latchkey.json("keys", "update", keys[0]["key_id"], "--expires-in", "30d")
    ask = ("keys", "list", "--owner", keys[0]["owner"], "--sort", "expires_at", "--columns", "label,expires_at")
    assert latchkey.run(*ask).out.splitlines()[1].split(maxsplit=1) == ["beta", "in 29 days"]
    assert key["expires_at"] in latchkey.run(*ask, "-o", "csv").out
    assert f"{key['expires_at']} (in 29 days)" in latchkey.run("keys", "show", key["key_id"]).out


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs the program jq")
def test_jq(latchkey: Latchkey, keys: list[dict[str, Any]]) -> None:
    ask = ("keys", "list", "--owner", keys[0]["owner"])
    assert latchkey.run(*ask, "--jq", ".items[].label").out.split() == ["alpha", "=1+1", "beta"]
    assert latchkey.run(*ask, "--jq", ".items | length", LATCHKEY_FORMAT="table").out == "3\n"
    wrong = latchkey.run("keys", "create", "--label", "never", "--owner", keys[0]["owner"], "--jq", ".[")
    assert (wrong.exit_code, wrong.out, "--jq failed" in wrong.err) == (2, "", True)
    assert len(latchkey.json(*ask)["items"]) == 3, "nothing was issued"
    credential = latchkey.run("keys", "create", "--label", "piped", "--jq", ".bearer_credential").out.strip()
    assert latchkey.with_key(credential).run("whoami").exit_code == 0
    failed = latchkey.run("keys", "create", "--label", "kept", "--jq", ".label[]")
    assert (failed.exit_code, failed.json["label"]) == (2, "kept"), "its secret is not lost"


@pytest.mark.parametrize("output", ["csv", "name"])
def test_new_secret_needs_a_format_that_shows_it(latchkey: Latchkey, keys: list[dict[str, Any]], output: str) -> None:
    for command in (("create", "--label", "x", "--owner", keys[0]["owner"]), ("rotate", keys[0]["key_id"])):
        ran = latchkey.run("keys", *command, "-o", output)
        assert (ran.exit_code, ran.out) == (2, "")
    assert len(latchkey.json("keys", "list", "--owner", keys[0]["owner"])["items"]) == 3
    assert len(latchkey.json("keys", "show", keys[0]["key_id"])["secrets"]) == 1


def test_new_secret_as_yaml(latchkey: Latchkey) -> None:
    created = yaml.safe_load(latchkey.run("keys", "create", "--label", "x", "-o", "yaml").out)
    assert latchkey.with_key(created["credential"]).run("whoami").exit_code == 0


def test_no_list_shows_a_secret(latchkey: Latchkey, key: dict[str, Any]) -> None:
    for output in ("table", "json", "yaml", "csv", "name"):
        for command in (("keys", "list", "--limit", "5"), ("keys", "show", key["key_id"]), ("events", "list")):
            ran = latchkey.run(*command, "-o", output)
            assert (ran.exit_code, "lks_" in ran.out + ran.err) == (0, False)
