"""`latchkey waivers` and `guard-rails`."""

from typing import Any

import pytest

from tests.latchkey.cli.running import Latchkey

pytestmark = pytest.mark.slow("runs the installed command many times")


@pytest.fixture
def unlimited(latchkey: Latchkey) -> dict[str, Any]:
    created: dict[str, Any] = latchkey.json("keys", "create", "--label", "load test", "--unlimited")
    return created


def test_waiver(latchkey: Latchkey, unlimited: dict[str, Any]) -> None:
    key_id = unlimited["key_id"]
    grant = ("waivers", "grant", "unlimited_key", "--reason", "load test", "--ends-in", "30d", "--key", key_id)
    granted = latchkey.run(*grant)
    assert granted.exit_code == 0, granted
    assert granted.out.startswith(f"Waived unlimited_key for {key_id} until 20")
    (waiver,) = [found for found in latchkey.json("waivers", "list")["items"] if found["key_id"] == key_id]
    assert (waiver["guard_rail"], waiver["reason"]) == ("unlimited_key", "load test")
    row = next(line for line in latchkey.run("waivers", "list").out.splitlines() if key_id in line)
    assert row.endswith("in 29 days")
    again = latchkey.run(*grant)
    assert (again.exit_code, "/ends_at" in again.err) == (2, True)
    ended = latchkey.run("waivers", "end", str(waiver["id"]))
    assert (ended.exit_code, ended.out, ended.err) == (0, "", f"latchkey: Ended the waiver {waiver['id']}.\n")
    assert latchkey.run("waivers", "end", str(waiver["id"])).exit_code == 2
    assert waiver["id"] not in [found["id"] for found in latchkey.json("waivers", "list")["items"]]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing", "--reason", "x", "--ends-in", "1d"),
        ("unlimited_key", "--reason", "", "--ends-in", "1d"),
        ("unlimited_key", "--reason", "x", "--ends-in", "367d"),
        ("unlimited_key", "--reason", "x"),
        ("unlimited_key", "--reason", "x", "--ends-in", "1d", "--key", "lk_000000000000"),
    ],
)
def test_rejected_waiver(latchkey: Latchkey, arguments: tuple[str, ...]) -> None:
    before = latchkey.json("waivers", "list")
    ran = latchkey.run("waivers", "grant", *arguments)
    assert (ran.exit_code, ran.out) == (2, "")
    assert latchkey.json("waivers", "list") == before


def test_waivers_need_their_scope(latchkey: Latchkey) -> None:
    reader = latchkey.json("keys", "create", "--label", "reader", "--scope", "health:read")["credential"]
    grant = ("waivers", "grant", "unlimited_key", "--reason", "x", "--ends-in", "1d")
    refused = latchkey.with_key(reader).run(*grant)
    assert (refused.exit_code, "health:write" in refused.err) == (2, True)
    assert latchkey.with_key(reader).run("waivers", "list").exit_code == 0


def test_guard_rails(latchkey: Latchkey, unlimited: dict[str, Any]) -> None:
    found = {rail["name"]: rail for rail in latchkey.json("guard-rails", "list")["items"]}
    assert found["unlimited_key"]["count"] >= 1
    table = latchkey.run("guard-rails", "list").out
    assert "unlimited_key" in table
    assert latchkey.run("guard-rails", "list", "-o", "name").out.split() == list(found)
    latchkey.run(
        "waivers", "grant", "unlimited_key", "--reason", "shown", "--ends-in", "2d", "--key", unlimited["key_id"]
    )
    latchkey.json("keys", "create", "--label", "another", "--unlimited")
    shown = latchkey.run("guard-rails", "show", "unlimited_key").out
    assert found["unlimited_key"]["remediation"] in shown
    assert f"for {unlimited['key_id']} until " in shown
    assert f"{latchkey.url}/guard-rails/unlimited_key" in shown
    document = latchkey.json("guard-rails", "show", "unlimited_key")
    assert unlimited["key_id"] in [waiver["key_id"] for waiver in document["waivers"]]
    unknown = latchkey.run("guard-rails", "show", "nothing")
    assert (unknown.exit_code, unknown.out, "guard-rails list" in unknown.err) == (2, "", True)
