"""`latchkey plans`, and the options of `keys` that name a plan."""

import json

import pytest

from tests.latchkey.cli.plans_server import PlansServer
from tests.latchkey.cli.running import Latchkey
from tests.latchkey.client.responses import KEY_ID
from tests.latchkey.plans import PLAN, QUOTA, RATE, SLOTS

pytestmark = [
    pytest.mark.slow("runs the installed command many times"),
    pytest.mark.storeless("what a client sends"),
]


def test_list_and_show(remote: Latchkey) -> None:
    heading, row = remote.run("plans", "list").out.splitlines()
    assert heading.split() == ["NAME", "LIMITS"]
    assert row.startswith("pro   per_second: 100 requests per 1 s; monthly: 1,000,000 tokens a month")
    assert remote.json("plans", "list") == {"items": [PLAN], "next": None}
    assert remote.run("plans", "list", "-o", "name").out == "pro\n"
    assert remote.run("plans", "list", "--columns", "name", "-o", "csv").out.split() == ['"name"', '"pro"']
    assert "limit streams     5 at the same time\n" in remote.run("plans", "show", "pro").out
    assert remote.json("plans", "show", "pro") == PLAN


def test_create_from_options(remote: Latchkey, api: PlansServer) -> None:
    quota = "monthly=1000000/month,unit=tokens,shared=owner,observe,timezone=Europe/Berlin,anchor"
    ran = remote.run(
        "plans", "create", "new", "--rate", "per_second=100/1s", "--quota", quota, "--concurrency", "streams=5"
    )
    assert (ran.exit_code, ran.out, ran.err.count("warning")) == (0, "Created the plan new with 3 limits.\n", 0)
    assert api.changes == [("POST", "/v1/plans", {"name": "new", "limits": [RATE, QUOTA, SLOTS]})]


@pytest.mark.parametrize("from_input", [True, False])
def test_create_from_json(remote: Latchkey, api: PlansServer, from_input: bool) -> None:
    text = json.dumps({"limits": [RATE]})
    (remote.home / "plan.json").write_text(text)
    ran = remote.run(
        "plans", "create", "new", "--file", "-" if from_input else "plan.json", typed=text if from_input else ""
    )
    assert (ran.exit_code, ran.out) == (0, "Created the plan new with 1 limit.\n")
    assert api.changes == [("POST", "/v1/plans", {"name": "new", "limits": [RATE]})]


def test_change_keeps_what_is_not_named(remote: Latchkey, api: PlansServer) -> None:
    arguments = ("--quota", "monthly=5/month,enforce", "--rate", "per_day=9/day", "--remove-limit", "streams")
    ran = remote.run("plans", "change", "pro", *arguments)
    assert (ran.exit_code, ran.out) == (0, "Changed per_day, monthly, streams of the plan pro.\n")
    changed = {**QUOTA, "mode": "enforce", "quota": {**QUOTA["quota"], "quota": 5}}
    added = {**RATE, "name": "per_day", "rate": {"burst": 9, "per_seconds": 86_400}}
    assert api.changes == [("PATCH", "/v1/plans/pro", {"limits": [RATE, changed, added]})]
    assert api.requests[-1].fields["if-match"] == api.etag


def test_change_from_a_plan_that_was_shown(remote: Latchkey, api: PlansServer) -> None:
    shown = remote.run("plans", "show", "pro", "-o", "json").out
    ran = remote.run("plans", "change", "pro", "--file", "-", typed=shown)
    assert (ran.exit_code, ran.out) == (0, "Changed all limits of the plan pro.\n")
    assert api.changes == [("PATCH", "/v1/plans/pro", {"limits": PLAN["limits"]})]
    other = remote.run("plans", "create", "copy", "--file", "-", typed=shown)
    assert (other.exit_code, "another name than copy" in other.err) == (2, True)


def test_change_in_between_is_not_lost(remote: Latchkey, api: PlansServer) -> None:
    api.etag_after_reading = '"4"'
    ran = remote.run("plans", "change", "pro", "--remove-limit", "streams")
    assert (ran.exit_code, ran.out) == (2, "")
    assert "412 precondition-failed" in ran.err
    assert "changed the plan at the same time" in ran.err


def test_delete(remote: Latchkey, api: PlansServer) -> None:
    unconfirmed = remote.run("plans", "delete", "pro")
    assert (unconfirmed.exit_code, unconfirmed.out, "add --yes" in unconfirmed.err) == (2, "", True)
    assert api.changes == []
    ran = remote.run("plans", "delete", "pro", "--yes")
    assert (ran.exit_code, ran.out) == (0, "")
    assert ran.err.endswith("latchkey: Deleted the plan pro.\n")
    assert api.changes == [("DELETE", "/v1/plans/pro", None)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "new"), "Add at least one, for example --rate per_second=100/1s"),
        (("create", "new", "--rate", "100/s"), "for example per_second=100/1s"),
        (("create", "new", "--quota", "a=5/year"), "for example 1000000/month"),
        (("create", "new", "--concurrency", "a=x"), "for example 5"),
        (("create", "new", "--rate", "a=5/s", "--quota", "a=5/day"), "The limit a is typed twice"),
        (("create", "new", "--rate", "a=5/s", "--file", "x"), "--file can't be used with --rate"),
        (("create", "new", "--file", "missing.json"), "missing.json: No such file"),
        (("create", "a/b", "--rate", "a=5/s"), "a name must be letters"),
        (("change", "pro"), "Nothing to change"),
        (("change", "pro", "--file", "x", "--remove-limit", "a"), "--remove-limit can't be used with --file"),
        (("change", "pro", "--rate", "a=5/s", "--remove-limit", "a"), "both set and removed"),
        (("change", "pro", "--remove-limit", "nothing"), "Its limits: per_second, monthly, streams."),
        (("show", "nothing"), "latchkey plans list shows all plans"),
        (("change", "nothing", "--rate", "a=5/s"), "latchkey plans list shows all plans"),
        (("delete", "nothing", "--yes"), "404 not-found"),
    ],
)
def test_wrong_input_is_explained(remote: Latchkey, api: PlansServer, arguments: tuple[str, ...], message: str) -> None:
    ran = remote.run("plans", *arguments)
    assert (ran.exit_code, ran.out) == (2, "")
    assert message in " ".join(ran.err.split())
    assert [method for method, _, _ in api.changes if method != "DELETE"] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "standard input: Not JSON"),
        ("[]", "JSON of another type"),
        ("{}", "no list of limits"),
        ('{"limits": {}}', "no list of limits"),
        ('{"limits": [], "limit": []}', "unknown field 'limit'"),
        ('{"limits": [], "limits": []}', "same field twice"),
    ],
)
def test_wrong_json_is_explained(remote: Latchkey, api: PlansServer, text: str, message: str) -> None:
    ran = remote.run("plans", "create", "new", "--file", "-", typed=text)
    assert (ran.exit_code, ran.out, message in ran.err, api.changes) == (2, "", True, [])


def test_plan_of_a_key(remote: Latchkey, api: PlansServer) -> None:
    assert remote.run("keys", "update", KEY_ID, "--plan", "pro").out == f"Changed plan of {KEY_ID} (billing).\n"
    remote.run("keys", "update", KEY_ID, "--no-plan")
    assert [body for _, _, body in api.changes] == [{"plan": "pro"}, {"plan": None}]
    both = remote.run("keys", "update", KEY_ID, "--no-plan", "--plan", "pro")
    assert (both.exit_code, "--no-plan with --plan" in both.err) == (2, True)
    remote.run("keys", "create", "--label", "x", "--plan", "pro")
    assert ("POST", "/v1/keys", {"label": "x", "plan": "pro"}) in api.changes
    assert remote.run("keys", "list", "--plan", "pro", "--columns", "key_id,plan").out.split()[-2:] == [KEY_ID, "pro"]
    assert api.requests[-1].target == "/v1/keys?limit=200&plan=pro"
    shown = remote.run("keys", "show", KEY_ID).out
    assert "812,345 of 1,000,000 tokens used, 187,655 left" in shown
