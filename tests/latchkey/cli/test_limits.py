"""`latchkey limits`, its overrides, and what other commands show of limits."""

import pytest

from latchkey.credentials import generate_key_id
from tests.latchkey.cli.plans_server import PlansServer
from tests.latchkey.cli.running import Latchkey
from tests.latchkey.client.responses import KEY_ID, json_response
from tests.latchkey.plans import KEY_OVERRIDE, LIMIT, OVERRIDE, RATE_LIMIT
from tests.latchkey.stub import stub

pytestmark = [
    pytest.mark.slow("runs the installed command many times"),
    pytest.mark.storeless("what a client sends"),
]

OTHER = generate_key_id()


def test_limits_of_keys_and_owners(remote: Latchkey, api: PlansServer) -> None:
    for arguments in ((OTHER,), ("show", OTHER), ("--owner", "acme"), ("show", "--owner", "acme"), (), ("show",)):
        ran = remote.run("limits", *arguments)
        assert (ran.exit_code, len(ran.out.splitlines())) == (0, 3), arguments
    other, own, owner = (f"/v1/{path}/limits" for path in (f"keys/{OTHER}", f"keys/{KEY_ID}", "owners/acme"))
    assert [request.target for request in api.requests] == [other, other, owner, owner, own, own]
    heading, row, _ = remote.run("limits", OTHER).out.splitlines()
    assert heading.split() == ["NAME", "UNIT", "USED", "OF", "LEFT", "BAR", "RESETS", "SHARED", "MODE"]
    assert "812,345  1,000,000  187,655  ########.. 81 %" in row


def test_formats(remote: Latchkey) -> None:
    assert remote.json("limits", OTHER) == {"limits": [LIMIT, RATE_LIMIT]}
    assert remote.run("limits", OTHER, "-o", "name").out.split() == ["monthly", "per_second"]
    csv = remote.run("limits", OTHER, "-o", "csv").out.replace('"', "").splitlines()
    assert csv[:2] == [
        "name,unit,used,of,left,resets,shared,mode",
        "monthly,tokens,812345,1000000,187655,2099-02-01T00:00:00Z,owner,observe",
    ]
    shown = remote.run("limits", OTHER, "--columns", "name,remaining", "--sort", "-remaining").out
    assert shown.split()[2:] == ["monthly", "187655", "per_second", "100"]


@pytest.mark.parametrize(
    ("option", "change", "used"), [(("--used", "0"), {"used": 0}, 0), (("--add", "-345"), {"add": -345}, 812_000)]
)
def test_adjust(remote: Latchkey, api: PlansServer, option: tuple[str, str], change: dict[str, int], used: int) -> None:
    ran = remote.run("limits", "adjust", "monthly", "--owner", "acme", *option, "--reason", "outage")
    expected = f"Adjusted monthly of acme: {used:,} of 1,000,000 tokens used, {1_000_000 - used:,} left, resets 2099"
    assert (ran.exit_code, ran.out.startswith(expected)) == (0, True), ran
    adjusted = remote.json("limits", "adjust", "monthly", "--key", OTHER, *option, "--reason", "outage")
    assert adjusted["used"] == used
    assert api.changes == [
        ("POST", f"/v1/{subject}/limits/monthly/adjust", {**change, "reason": "outage"})
        for subject in ("owners/acme", f"keys/{OTHER}")
    ]


def test_overrides(remote: Latchkey, api: PlansServer) -> None:
    heading, row, other = remote.run("limits", "override", "list").out.splitlines()
    assert heading.split() == ["ID", "KEY", "OR", "OWNER", "LIMIT", "NUMBER", "REASON", "ENDS"]
    assert row.split()[:5] == ["7", "acme", "monthly", "2,000,000", "launch"]
    assert other.split()[:5] == ["8", KEY_ID, "per_second", "2,000", "per"]
    assert remote.json("limits", "override", "list", "--owner", "acme")["items"] == [OVERRIDE, KEY_OVERRIDE]
    assert api.requests[-1].target == "/v1/overrides?owner=acme"
    until = ("--until", "2099-02-01T00:00:00Z", "--reason", "launch")
    ran = remote.run("limits", "override", "grant", "monthly", "--owner", "acme", "--quota", "2000000", *until)
    assert (ran.exit_code, ran.out) == (
        0,
        "Granted 2,000,000 as monthly of acme until 2099-02-01T00:00:00Z (override 9).\n",
    )
    remote.run("limits", "override", "grant", "per_second", "--key", OTHER, "--rate", "200/s", *until)
    remote.run(
        "limits",
        "override",
        "grant",
        "streams",
        "--key",
        OTHER,
        "--concurrency",
        "2",
        "--until",
        "2099-02-01T00:00:00Z",
    )
    ended = remote.run("limits", "override", "end", "7")
    assert (ended.exit_code, ended.out, ended.err.endswith("Ended the override 7.\n")) == (0, "", True)
    common = {"until": "2099-02-01T00:00:00Z", "reason": "launch"}
    rate = {"burst": 200, "per_seconds": 1}
    assert api.changes == [
        ("POST", "/v1/overrides", {"owner": "acme", "limit": "monthly", "quota": 2_000_000, **common}),
        ("POST", "/v1/overrides", {"key_id": OTHER, "limit": "per_second", "rate": rate, **common}),
        ("POST", "/v1/overrides", {"key_id": OTHER, "limit": "streams", "concurrency": 2, "until": common["until"]}),
        ("DELETE", "/v1/overrides/7", None),
    ]


SUBJECT = ("--owner", "acme")
REASON = ("--reason", "x")
END = ("--until", "30d")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((OTHER, "--owner", "acme"), "Name a key or an owner, not both"),
        ((f"{OTHER}:secret",), "a key ID must be lk_"),
        (("acme",), "No such command 'acme'"),
        (("adjust", "monthly", *SUBJECT, *REASON), "Use --used N"),
        (("adjust", "monthly", *SUBJECT, *REASON, "--used", "0", "--add", "1"), "Use --used N"),
        (("adjust", "monthly", *SUBJECT, *REASON, "--used", "-1"), "must be 0 or more"),
        (("adjust", "monthly", *REASON, "--used", "0"), "Use --key KEY_ID or --owner SLUG"),
        (("adjust", "monthly", *SUBJECT, "--key", OTHER, *REASON, "--used", "0"), "Use --key KEY_ID or --owner SLUG"),
        (("adjust", "monthly", *SUBJECT, "--used", "0"), "--reason"),
        (("override", "grant", "monthly", *SUBJECT, *REASON, *END), "Use one of --rate 200/s"),
        (("override", "grant", "a", *SUBJECT, *REASON, *END, "--rate", "5/s", "--quota", "1"), "Use one of --rate"),
        (("override", "grant", "a", *SUBJECT, *REASON, "--until", "soon", "--quota", "1"), "a time span such as 90d"),
        (("override", "grant", "a", *SUBJECT, *END, "--quota", "0"), "must be 1 or more"),
        (("override", "grant", "a", *REASON, *END, "--quota", "1"), "Use --key KEY_ID or --owner SLUG"),
    ],
)
def test_wrong_input_is_explained(remote: Latchkey, api: PlansServer, arguments: tuple[str, ...], message: str) -> None:
    ran = remote.run("limits", *arguments)
    assert (ran.exit_code, ran.out, message in ran.err, api.requests) == (2, "", True, []), ran.err
    assert ":secret" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("adjust", "nothing", *SUBJECT, *REASON, "--used", "0"), "latchkey limits --owner SLUG, shows all limits"),
        (("override", "end", "99"), "latchkey limits override list shows all overrides"),
    ],
)
def test_what_is_not_there_exits_2(remote: Latchkey, arguments: tuple[str, ...], message: str) -> None:
    ran = remote.run("limits", *arguments)
    assert (ran.exit_code, ran.out, "404 not-found" in ran.err, message in ran.err) == (2, "", True, True), ran.err


def test_help_is_that_of_the_group(remote: Latchkey, api: PlansServer) -> None:
    for option in ("-h", "--help"):
        ran = remote.run("limits", option)
        assert (ran.exit_code, "override" in ran.out) == (0, True)
    assert api.requests == []


def test_unreachable_server_exits_3(remote: Latchkey) -> None:
    unreachable = remote.at("http://127.0.0.1:9")
    for command in ("limits", "plans list", "owners list", "limits override list"):
        assert unreachable.run(*command.split()).exit_code == 3


def test_whoami_shows_limits(remote: Latchkey) -> None:
    caller = {
        "key_id": KEY_ID, "label": "a", "owner": "", "scopes": [], "rate_limit": None, "remaining": None,
        "request_id": "x", "plan": "pro", "limits": [LIMIT],
    }  # fmt: skip
    with stub(lambda _: json_response(caller)) as server:
        assert "limit monthly  812,345 of 1,000,000 tokens used" in remote.at(server.url).run("whoami").out
        assert remote.at(server.url).json("whoami") == caller


def test_costs_in_other_units(remote: Latchkey) -> None:
    with stub(lambda _: json_response({"valid": True, "code": "VALID"})) as server:
        there = remote.at(server.url)
        verify = ("verify", "-", "--costs", "tokens=350", "--costs", "images=0")
        assert there.run(*verify, typed=f"{remote.api_key}\n").exit_code == 0
        assert b'"costs":{"tokens":350,"images":0}' in server.requests[0].body.replace(b" ", b"")
        wrong = there.run("verify", "-", "--costs", "tokens", typed=f"{remote.api_key}\n")
        assert (wrong.exit_code, "for example tokens=350" in wrong.err, len(server.requests)) == (2, True, 1)
