"""Commands that change several keys, typed or from standard input."""

from typing import Any

import pytest

from tests.latchkey.cli.running import Latchkey
from tests.latchkey.cli.terminal import on_terminal
from tests.latchkey.client.responses import KEY, json_response
from tests.latchkey.stub import Request, StubResponse, stub

pytestmark = pytest.mark.slow("runs the installed command many times")

UNKNOWN = "lk_000000000000"


@pytest.fixture
def ids(latchkey: Latchkey) -> list[str]:
    return [latchkey.json("keys", "create", "--label", f"worker {number}")["key_id"] for number in range(3)]


def states(latchkey: Latchkey, ids: list[str]) -> list[str]:
    return [key["state"] for key in latchkey.json("keys", "show", *ids)["items"]]


def test_typed(latchkey: Latchkey, ids: list[str]) -> None:
    ran = latchkey.run("keys", "disable", *ids, ids[0])
    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.splitlines() == [f"Disabled {key} (worker {number})." for number, key in enumerate(ids)]
    assert states(latchkey, ids) == ["disabled"] * 3
    enabled = latchkey.json("keys", "enable", *ids)
    assert [key["key_id"] for key in enabled["items"]] == ids
    changed = latchkey.run("keys", "update", *ids, "--rate", "5/min", "--owner", "payments", "-o", "name")
    assert changed.out.split() == ids
    assert {key["owner"] for key in latchkey.json("keys", "show", *ids)["items"]} == {"payments"}


def test_from_standard_input(latchkey: Latchkey, ids: list[str]) -> None:
    ran = latchkey.run("keys", "disable", "-", typed=f"{ids[0]}\n\n  {ids[1]}  a comment\n")
    assert (ran.exit_code, len(ran.out.splitlines())) == (0, 2)
    assert states(latchkey, ids) == ["disabled", "disabled", "active"]
    refused = latchkey.run("keys", "revoke", "-", typed="\n".join(ids))
    assert (refused.exit_code, "--yes" in refused.err) == (2, True), "no one can confirm it"
    revoked = latchkey.run("keys", "revoke", "-", "--yes", typed="\n".join(ids))
    assert (revoked.exit_code, revoked.out) == (0, "")
    assert states(latchkey, ids) == ["revoked"] * 3


def test_empty_input_is_rejected(latchkey: Latchkey) -> None:
    ran = latchkey.run("keys", "disable", "-", typed="\n")
    assert (ran.exit_code, ran.out, "no key ID" in ran.err) == (2, "", True)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("lk_0\n", "Entry 1 on standard input isn't a key ID"),
        (f"{UNKNOWN}\n{UNKNOWN}:lks_secret\n", "Entry 2 on standard input isn't a key ID"),
    ],
)
def test_wrong_input_changes_nothing(latchkey: Latchkey, ids: list[str], typed: str, message: str) -> None:
    ran = latchkey.run("keys", "disable", ids[0], "-", typed=typed)
    assert (ran.exit_code, message in ran.err, "lks_" in ran.err) == (2, True, False)
    assert states(latchkey, ids) == ["active"] * 3


def test_the_others_are_changed_if_one_fails(latchkey: Latchkey, ids: list[str]) -> None:
    ran = latchkey.run("keys", "disable", ids[0], UNKNOWN, ids[2])
    assert ran.exit_code == 2
    assert len(ran.out.splitlines()) == 2
    assert f"{UNKNOWN}: latchkey: " in ran.err
    assert "Request ID: " in ran.err
    assert states(latchkey, ids) == ["disabled", "active", "disabled"]


def test_it_stops_if_the_server_is_gone(latchkey: Latchkey, ids: list[str]) -> None:
    def reply(request: Request) -> StubResponse | None:
        return json_response({**KEY, "key_id": ids[0]}) if request.target.endswith(ids[0]) else None

    with stub(reply) as server:
        ran = latchkey.at(server.url).run("keys", "update", *ids, "--label", "x")
    assert (ran.exit_code, f"stopped at {ids[1]}; 1 of 3 keys came before it" in ran.err) == (3, True)
    assert ids[2] not in ran.err


def test_one_etag_is_for_one_key(latchkey: Latchkey, ids: list[str]) -> None:
    ran = latchkey.run("keys", "disable", *ids, "--if-match", '"1"')
    assert (ran.exit_code, states(latchkey, ids)) == (2, ["active"] * 3)


def test_revocation_of_several_is_confirmed_by_their_number(latchkey: Latchkey, ids: list[str]) -> None:
    exit_code, shown = on_terminal(latchkey, "keys", "revoke", *ids, columns=200, typed="yes")
    assert (exit_code, "not the number of keys" in shown) == (2, True)
    assert all(f"worker {number}" in shown for number in range(3))
    assert states(latchkey, ids) == ["active"] * 3
    assert on_terminal(latchkey, "keys", "revoke", *ids, columns=200, typed="3")[0] == 0
    assert states(latchkey, ids) == ["revoked"] * 3


def test_scopes_are_added_and_removed(latchkey: Latchkey, key: dict[str, Any]) -> None:
    change = ("keys", "update", key["key_id"])
    added = latchkey.json(*change, "--add-scope", "orders:write", "--add-scope", "a:b", "--label", "other")
    assert (added["scopes"], added["label"]) == (["a:b", "orders:read", "orders:write"], "other")
    removed = latchkey.json(*change, "--remove-scope", "orders:read", "--remove-scope", "not:there")
    assert removed["scopes"] == ["a:b", "orders:write"]
    assert latchkey.run(*change, "--add-scope", "a:b", "--scope", "c:d").exit_code == 2
    assert latchkey.run(*change, "--add-scope", "c:d", "--if-match", '"1"').exit_code == 2
    writer = latchkey.json("keys", "create", "--label", "writer", "--scope", "keys:write", "--scope", "a:b")
    refused = latchkey.with_key(writer["credential"]).run(*change, "--add-scope", "a:b")
    assert (refused.exit_code, "keys:read" in refused.err) == (2, True)
    assert latchkey.json("keys", "show", key["key_id"])["scopes"] == ["a:b", "orders:write"]


def test_limit_is_given_in_one_way(latchkey: Latchkey) -> None:
    create = ("keys", "create", "--label", "x", "--rate", "60/min")
    assert latchkey.json(*create)["rate_limit"] == {"burst": 60, "per_seconds": 60}
    for more in (("--burst", "5"), ("--unlimited",), ("--burst", "5", "--per-seconds", "5")):
        assert latchkey.run(*create, *more).exit_code == 2
    assert latchkey.run("keys", "create", "--label", "x", "--burst", "5").exit_code == 2
