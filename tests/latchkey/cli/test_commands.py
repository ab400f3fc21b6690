"""Every command against a real server: what it does, and how it shows it as JSON and as a table."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from latchkey.credentials import SECRET_FIELDS
from tests.latchkey.cli.running import Latchkey
from tests.latchkey.stub import StubResponse, stub
from tests.support.server import RunningServer

KEY = {
    "key_id", "label", "owner", "scopes", "rate_limit", "enabled", "state", "created_at", "expires_at", "revoked_at",
    "last_used_at", "metadata", "secrets", "plan"}  # fmt: skip


def test_whoami(latchkey: Latchkey, root: str) -> None:
    key_id = root.partition(":")[0]
    found = latchkey.json("whoami", "--request-id", "who.1")
    assert set(found) == {"key_id", "label", "owner", "scopes", "rate_limit", "remaining", "request_id"}
    assert (found["key_id"], found["scopes"], found["request_id"]) == (key_id, ["*"], "who.1")
    lines = latchkey.run("whoami").out.splitlines()
    assert lines[0].split() == ["key_id", key_id]


def test_create_and_show(latchkey: Latchkey) -> None:
    options = ["--owner", "payments", "--scope", "orders:read", "--scope", "verify", "--expires-in", "90d"]
    more = ["--burst", "5", "--per-seconds", "60", "--metadata", '{"team": 7}']
    created = latchkey.json("keys", "create", "--label", "billing", *options, *more)
    assert set(created) == {*KEY, *SECRET_FIELDS}
    shown = latchkey.json("keys", "show", created["key_id"])
    assert set(shown) == {*KEY, "limits"}
    assert (shown["label"], shown["owner"], shown["scopes"]) == ("billing", "payments", ["orders:read", "verify"])
    assert (shown["rate_limit"], shown["metadata"]) == ({"burst": 5, "per_seconds": 60}, {"team": 7})
    assert shown["expires_at"] > shown["created_at"]
    table = latchkey.run("keys", "show", created["key_id"]).out
    assert "scopes        orders:read verify\n" in table
    assert "rate_limit    5 per 60 s\n" in table
    assert "active, created " in table


def test_update(latchkey: Latchkey, key: dict[str, Any]) -> None:
    key_id = key["key_id"]
    assert latchkey.json("keys", "update", key_id, "--label", "other", "--unlimited")["rate_limit"] is None
    changed = latchkey.json("keys", "update", key_id, "--no-scopes", "--expires-in", "2099-01-01T00:00:00+01:00")
    assert (changed["label"], changed["scopes"]) == ("other", [])
    assert changed["expires_at"] == "2098-12-31T23:00:00Z"
    assert latchkey.json("keys", "update", key_id, "--never-expires")["expires_at"] is None
    ran = latchkey.run("keys", "update", key_id, "--label", "third", "--rate", "10/s")
    assert ran.out == f"Changed label, rate_limit of {key_id} (third).\n"
    assert latchkey.json("keys", "show", key_id)["rate_limit"] == {"burst": 10, "per_seconds": 1}


def test_disable_enable_and_revoke(latchkey: Latchkey, key: dict[str, Any]) -> None:
    key_id = key["key_id"]
    assert latchkey.json("keys", "disable", key_id)["state"] == "disabled"
    assert latchkey.json("keys", "enable", key_id)["state"] == "active"
    revoked = latchkey.run("keys", "revoke", key_id, "--yes")
    assert (revoked.exit_code, revoked.out, revoked.err) == (0, "", f"latchkey: Revoked {key_id}.\n")
    assert latchkey.json("keys", "show", key_id)["state"] == "revoked"


def test_change_of_an_outdated_state_is_rejected(latchkey: Latchkey, key: dict[str, Any]) -> None:
    key_id = key["key_id"]
    (etag,) = (line.split()[1] for line in latchkey.run("keys", "show", key_id).out.splitlines() if "etag" in line)
    assert etag == '"1"'
    assert latchkey.run("keys", "update", key_id, "--label", "new", "--if-match", "1").exit_code == 0
    for command in (["disable"], ["enable"], ["revoke", "--yes"], ["rotate"], ["finish-rotation", "--yes"]):
        ran = latchkey.run("keys", *command, key_id, "--if-match", etag)
        assert (ran.exit_code, "412 precondition-failed" in ran.err) == (2, True), command
    assert latchkey.json("keys", "show", key_id)["state"] == "active"
    retiring, active = latchkey.json("keys", "rotate", key_id, "--if-match", "2")["secrets"]
    for secret, exit_code in ((active, 2), (retiring, 0)):
        ran = latchkey.run("keys", "finish-rotation", "--yes", key_id, "--secret", str(secret["id"]))
        assert ran.exit_code == exit_code
    assert latchkey.run("keys", "disable", key_id, "--if-match", "ä").exit_code == 2


@pytest.mark.parametrize("command", [["revoke"], ["rotate", "--at-once"], ["finish-rotation"]], ids=" ".join)
def test_irreversible_command_needs_yes_without_terminal(
    latchkey: Latchkey, key: dict[str, Any], command: list[str]
) -> None:
    latchkey.json("keys", "rotate", key["key_id"])
    before = latchkey.json("keys", "show", key["key_id"])
    ran = latchkey.run("keys", *command, key["key_id"])
    assert (ran.exit_code, ran.out, "add --yes" in ran.err) == (2, "", True)
    assert latchkey.json("keys", "show", key["key_id"]) == before


def test_verify_only_key_shows_a_limit_hint(latchkey: Latchkey) -> None:
    create = ("keys", "create", "--label", "service", "--scope", "verify")
    hinted = latchkey.run(*create)
    assert "Allow 2 times the service's peak" in hinted.err
    assert "latchkey keys update lk_" in hinted.err
    assert hinted.out.startswith("lk_")
    assert "service's peak" not in latchkey.run(*create, "--burst", "5", "--per-seconds", "1").err
    assert "service's peak" not in latchkey.run(*create, "--scope", "keys:read").err


def test_list_follows_pages_and_accepts_a_cursor(latchkey: Latchkey) -> None:
    for number in range(3):
        latchkey.run("keys", "create", "--label", f"listed {number}")
    page = latchkey.json("keys", "list", "--q", "listed", "--limit", "2")
    assert [item["label"] for item in page["items"]] == ["listed 2", "listed 1"]
    rest = latchkey.json("keys", "list", "--q", "listed", "--limit", "2", "--cursor", page["next"])
    assert ([item["label"] for item in rest["items"]], rest["next"]) == (["listed 0"], None)
    assert [set(item) for item in rest["items"]] == [KEY]
    table = latchkey.run("keys", "list", "--q", "listed", "--limit", "1")
    heading, row = table.out.splitlines()
    assert heading.split("  ")[0] == "KEY_ID"
    assert "listed 2" in row
    assert table.err.startswith("latchkey: there are more keys; repeat with the same filters and --cursor ")


def test_list_of_an_owner_or_a_label(latchkey: Latchkey) -> None:
    for label in ("owned 1", "owned 2"):
        latchkey.run("keys", "create", "--label", label, "--owner", "payments of owned")
    latchkey.run("keys", "create", "--label", "owned 1")
    owned = latchkey.json("keys", "list", "--owner", "payments of owned")["items"]
    assert [item["label"] for item in owned] == ["owned 2", "owned 1"]
    assert len(latchkey.json("keys", "list", "--label", "owned 1")["items"]) == 2
    assert latchkey.json("keys", "list", "--label", "owned 1", "--owner", "payments of owned")["items"] == [owned[1]]
    assert latchkey.json("keys", "list", "--owner", "payments of")["items"] == []
    rejected = latchkey.run("keys", "list", "--owner", "")
    assert (rejected.exit_code, "/owner" in rejected.err) == (2, True)
    assert latchkey.run("keys", "list", "--state", "expired", "--q", "listed").out == "(none)\n"


def test_rotate_and_finish(latchkey: Latchkey, key: dict[str, Any]) -> None:
    key_id = key["key_id"]
    rotated = latchkey.json("keys", "rotate", key_id, "--grace", "1h")
    assert set(rotated) == {*KEY, *SECRET_FIELDS}
    assert [secret["state"] for secret in rotated["secrets"]] == ["retiring", "active"]
    finished = latchkey.json("keys", "finish-rotation", key_id, "--yes")
    assert [secret["state"] for secret in finished["secrets"]] == ["active"]
    at_once = latchkey.json("keys", "rotate", key_id, "--at-once", "--yes")
    assert len({found["credential"] for found in (key, rotated, at_once)}) == 3
    assert [secret["state"] for secret in at_once["secrets"]] == ["active"]


def test_usage(latchkey: Latchkey, server: RunningServer, key: dict[str, Any]) -> None:
    start = f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%dT%H:%M:00Z}"
    program = (
        "from apikeys.models import APIKey, UnitUsage, Usage; from django.utils.dateparse import parse_datetime as at;"
        f"key = APIKey.objects.get(key_id={key['key_id']!r});"
        f"Usage.objects.create(step='minute', start=at({start!r}), allowed=7, throttled=2, key=key);"
        f"UnitUsage.objects.create(step='minute', start=at({start!r}), unit='tok', charged=80, returned=9, key=key)"
    )
    server.manage("shell", "-v0", "-c", program)
    found = latchkey.json("usage", key["key_id"], "--since", "2h", "--step", "minute")
    assert [(step["allowed"], step["throttled"]) for step in found] == [(7, 2)]
    table = latchkey.run("usage", key["key_id"], "--step", "minute").out
    heading, row = table.splitlines()
    assert re.split(" {2,}", heading) == ["START", "ALLOWED", "THROTTLED", "TOK CHARGED", "TOK RETURNED"]
    assert row.split() == [start, "7", "2", "80", "9"]
    assert found[0]["units"] == {"tok": {"charged": 80, "returned": 9}}
    lines = latchkey.run("usage", key["key_id"], "--step", "minute", "--format", "csv").out.splitlines()
    assert next(csv.DictReader(lines)) == {
        "start": start,
        "allowed": "7",
        "throttled": "2",
        "tok_charged": "80",
        "tok_returned": "9",
    }
    own = latchkey.json("usage", "--step", "minute", LATCHKEY_API_KEY=key["credential"])
    assert found[0] in own, "the calls themselves may be there too"
    assert latchkey.run("usage", key["key_id"], LATCHKEY_API_KEY=key["credential"]).exit_code == 2


def test_callers(latchkey: Latchkey, server: RunningServer, key: dict[str, Any]) -> None:
    program = (
        "from apikeys.callers.rows import write_callers; from apikeys.callers.sightings import Sighting;"
        f"write_callers({{{key['key_id']!r}: {{('address', '192.0.2.1'): Sighting(7, 1.0, 2.0)}}}})"
    )
    server.manage("shell", "-v0", "-c", program)
    (found,) = latchkey.json("keys", "callers", key["key_id"])
    assert (found["kind"], found["value"], found["requests"]) == ("address", "192.0.2.1", 7)
    table = latchkey.run("keys", "callers", key["key_id"]).out.split()
    assert table[:5] == ["KIND", "VALUE", "REQUESTS", "FIRST_SEEN", "LAST_SEEN"]
    assert latchkey.run("keys", "callers", key["key_id"], LATCHKEY_API_KEY=key["credential"]).exit_code == 2


def test_a_key_that_may_write_but_not_read(latchkey: Latchkey, key: dict[str, Any]) -> None:
    scopes = ("--scope", "keys:write", "--scope", "orders:read")
    writer = latchkey.json("keys", "create", "--label", "writer", *scopes)["credential"]
    disabled = latchkey.run("keys", "disable", key["key_id"], LATCHKEY_API_KEY=writer)
    assert disabled.exit_code == 0
    assert disabled.out == f"Disabled {key['key_id']}.\n", "it may not see the label"
    waited = latchkey.run("keys", "rotate", key["key_id"], "--wait", LATCHKEY_API_KEY=writer)
    assert (waited.exit_code, waited.out) == (2, "")
    assert "keys:read" in waited.err
    assert [secret["state"] for secret in latchkey.json("keys", "show", key["key_id"])["secrets"]] == ["active"]
    rotated = latchkey.run("keys", "rotate", key["key_id"], LATCHKEY_API_KEY=writer)
    assert (rotated.exit_code, rotated.out.partition(":")[0]) == (0, key["key_id"])


def test_verify(latchkey: Latchkey, key: dict[str, Any]) -> None:
    ask = ("verify", "-", "--scope", "orders:read", "--cost", "2", "--format", "json")
    ran = latchkey.run(*ask, typed=key["credential"] + "\n")
    assert (ran.exit_code, ran.json["valid"], ran.json["code"], ran.err) == (0, True, "VALID", "")
    assert ran.json["key_id"] == key["key_id"]
    left = ran.json["rate_limit"]
    assert left["remaining"] == left["limit"] - 2
    spent = latchkey.run("verify", "-", "--cost", str(left["limit"]), typed=key["credential"])
    assert spent.exit_code == 3
    assert "code         RATE_LIMITED\n" in spent.out
    latchkey.run("keys", "revoke", key["key_id"], "--yes")
    revoked = latchkey.run("verify", "-", typed=key["credential"])
    assert revoked.exit_code == 2
    assert "code         REVOKED\n" in revoked.out


def test_health(latchkey: Latchkey) -> None:
    assert latchkey.with_key(None).json("health")["status"] in ("ok", "degraded")
    full = latchkey.json("health", "--full")
    assert {"status", "version", "components", "guard_rails", "rate_limit", "metrics"} <= set(full)
    table = latchkey.run("health", "--full").out
    assert table.startswith("status ")
    assert "key_without_expiry" in table


def test_health_of_a_server_that_is_down(latchkey: Latchkey) -> None:
    with stub(lambda _: StubResponse(503, body=b'{"status": "down"}')) as service:
        ran = latchkey.at(service.url).run("health")
    assert (ran.exit_code, ran.out) == (3, "status  down\n")


def test_events_list(latchkey: Latchkey, key: dict[str, Any]) -> None:
    latchkey.run("keys", "disable", key["key_id"])
    page = latchkey.json("events", "list", "--key", key["key_id"], "--limit", "1")
    (issued,) = page["items"]
    assert set(issued) == {"id", "type", "at", "actor", "request_id", "key_id", "data", "digest"}
    rest = latchkey.json("events", "list", "--key", key["key_id"], "--after", str(page["next"]))
    assert ([event["type"] for event in rest["items"]], rest["next"]) == (["KeyDisabled"], None)
    table = latchkey.run("events", "list", "--key", key["key_id"], "--type", "KeyIssued").out
    heading, line = table.splitlines()
    assert heading.split() == ["ID", "AT", "WHAT"]
    assert re.fullmatch(rf"\d+ +(now|\d+ seconds? ago) +lk_\w+ issued {key['key_id']}", line)


@pytest.mark.parametrize("name", ["PORT", "PUBLIC_URL", "BIND"])
def test_manage_ctl_calls_the_server_of_its_settings(server: RunningServer, root: str, name: str) -> None:
    port = server.url.rpartition(":")[2]
    value = {"PORT": port, "PUBLIC_URL": server.url, "BIND": f"0.0.0.0:{port}"}[name]
    environment = {"LATCHKEY_API_KEY": root, "PUBLIC_URL": "", "PORT": "1", name: value}
    assert json.loads(server.manage("ctl", "whoami", "--format", "json", environment=environment).stdout)["scopes"]


def test_manage_ctl_is_the_same_command(latchkey: Latchkey, server: RunningServer) -> None:
    environment = {"LATCHKEY_URL": latchkey.url, "LATCHKEY_API_KEY": str(latchkey.api_key), "COLUMNS": "80"}
    ran = server.manage("ctl", "whoami", "--format", "json", environment=environment)
    assert json.loads(ran.stdout)["label"] == "root"
    rejected = server.manage("ctl", "keys", "show", "lk_000000000000", environment=environment, check=False)
    assert (rejected.returncode, rejected.stderr.splitlines()[0]) == (2, "latchkey: Not found (404 not-found)")
    assert server.manage("ctl", "--help", environment=environment).stdout == latchkey.run("--help", COLUMNS="80").out
