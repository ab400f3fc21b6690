"""`latchkey owners`."""

import pytest

from tests.latchkey.cli.plans_server import PlansServer
from tests.latchkey.cli.running import Latchkey
from tests.latchkey.plans import OWNER

pytestmark = [
    pytest.mark.slow("runs the installed command many times"),
    pytest.mark.storeless("what a client sends"),
]


def test_list_and_show(remote: Latchkey, api: PlansServer) -> None:
    api.owners["zed"] = {**OWNER, "slug": "zed", "plan": None}
    heading, row, other = remote.run("owners", "list").out.splitlines()
    assert heading.split() == ["SLUG", "NAME", "DISPLAY_NAME", "PLAN", "PERIOD_ANCHOR"]
    assert row.split("  ")[0] == "acme"
    assert other.split()[-2:] == ["-", "2027-01-31"]
    assert remote.json("owners", "list", "--limit", "1") == {"items": [OWNER], "next": "1"}
    rest = remote.run("owners", "list", "--limit", "1", "--cursor", "1", "-o", "name")
    assert (rest.out, rest.err) == ("zed\n", "")
    assert remote.run("owners", "list", "--limit", "1").err.endswith("there are more owners; repeat with --cursor 1\n")
    assert remote.run("owners", "list", "-o", "name").out.split() == ["acme", "zed"]
    assert remote.json("owners", "show", "acme") == OWNER
    assert "ops@acme.example" in remote.run("owners", "show", "acme").out


def test_create(remote: Latchkey, api: PlansServer) -> None:
    arguments = ("--display-name", "ACME", "--contact", "a@b.example", "--contact", "c")
    ran = remote.run("owners", "create", "ACME Inc.", *arguments, "--period-anchor", "2027-01-31", "--plan", "pro")
    assert (ran.exit_code, ran.out) == (0, "Created the owner acme (ACME Inc.) with the plan pro.\n")
    assert remote.run("owners", "create", "solo", "--slug", "s").exit_code == 0
    values = {"display_name": "ACME", "contacts": ["a@b.example", "c"], "period_anchor": "2027-01-31"}
    assert api.changes == [
        ("POST", "/v1/owners", {"name": "ACME Inc.", **values, "plan": "pro"}),
        ("POST", "/v1/owners", {"name": "solo", "slug": "s"}),
    ]


def test_change(remote: Latchkey, api: PlansServer) -> None:
    ran = remote.run("owners", "change", "acme", "--plan", "free", "--contact", "x")
    assert (ran.exit_code, ran.out) == (0, "Changed contacts, plan of acme (ACME Inc.).\n")
    remote.run("owners", "change", "acme", "--no-plan", "--no-contacts", "--no-period-anchor")
    assert [body for _, _, body in api.changes] == [
        {"contacts": ["x"], "plan": "free"},
        {"contacts": [], "period_anchor": None, "plan": None},
    ]


def test_delete(remote: Latchkey, api: PlansServer) -> None:
    unconfirmed = remote.run("owners", "delete", "acme")
    assert (unconfirmed.exit_code, "add --yes" in unconfirmed.err, api.changes) == (2, True, [])
    ran = remote.run("owners", "delete", "acme", "--yes")
    assert (ran.exit_code, ran.out, ran.err.endswith("Deleted the owner acme.\n")) == (0, "", True)
    assert api.changes == [("DELETE", "/v1/owners/acme", None)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("change", "acme"), "Nothing to change"),
        (("change", "acme", "--no-plan", "--plan", "x"), "An option that removes a value"),
        (("change", "acme", "--no-contacts", "--contact", "x"), "An option that removes a value"),
        (("change", "acme", "--no-period-anchor", "--period-anchor", "2027-01-31"), "An option that removes"),
        (("change", "acme", "--period-anchor", "31.1.2027"), "for example 2027-01-31"),
        (("create",), "OWNER"),
        (("show", "a/b"), "a name must be letters"),
        (("show", "nothing"), "latchkey owners list shows all owners"),
    ],
)
def test_wrong_input_is_explained(remote: Latchkey, api: PlansServer, arguments: tuple[str, ...], message: str) -> None:
    ran = remote.run("owners", *arguments)
    assert (ran.exit_code, ran.out, message in ran.err, api.changes) == (2, "", True, [])
