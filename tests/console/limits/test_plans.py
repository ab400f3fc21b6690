"""Plans in the admin: the list, the page of one, its form and its deletion."""

import re
from typing import Any

import pytest
from django.test import Client

from apikeys.config_service import ConfigService
from apikeys.models import Plan
from events.models import Event
from tests.console.limits.forms import MONTHLY, PER_SECOND, PLANS, create_owner, create_plan, plan_form, policies

pytestmark = pytest.mark.django_db


def errors(response: Any) -> list[str]:
    """Return the errors that the form shows, as text."""
    found = re.findall(r'role="alert">([^<]+)<', response.content.decode())
    return [text.replace("&#x27;", "'") for text in found]


def test_plan_is_added(admin: Client) -> None:
    second = {"name": "per_second", "kind": "rate", "amount": "100", "per": "second"}
    month = {"name": "monthly", "amount": "1,000,000", "shared": "owner", "timezone": "Europe/Berlin"}
    slots = {"name": "streams", "kind": "concurrency", "amount": "5", "mode": "observe"}
    other = {"name": "slow", "kind": "rate", "amount": "3", "per": "other", "seconds": "90", "unit": "tokens"}
    response = admin.post(f"{PLANS}add/", plan_form(second, month, slots, other, name="team"))
    assert response["Location"] == f"{PLANS}team/change/"
    usual = {"unit": "requests", "mode": "enforce", "shared": "key"}
    quota = {"quota": 1_000_000, "per": "month", "timezone": "Europe/Berlin", "starts": "calendar"}
    assert Plan.objects.get().limits == [
        {"name": "per_second", **usual, "rate": {"burst": 100, "per_seconds": 1}},
        {"name": "monthly", **usual, "shared": "owner", "quota": quota},
        {"name": "streams", **usual, "mode": "observe", "concurrency": 5},
        {"name": "slow", **usual, "unit": "tokens", "rate": {"burst": 3, "per_seconds": 90}},
    ]
    assert Event.objects.get(type="PlanCreated").actor == "user:ada"
    page = admin.get(response["Location"]).content.decode()
    assert "100 a second · 1,000,000 a month, shared by the owner · 5 at the same time, only observed" in page
    assert "on the 1st, Europe/Berlin" in page


def test_empty_limits_are_folded(admin: Client) -> None:
    page = admin.get(f"{PLANS}add/").content.decode()
    assert len(re.findall(r'<details class="card limit"', page)) == 8
    assert len(re.findall(r'<details class="card limit" open>', page)) == 1
    create_plan()
    assert admin.get(f"{PLANS}team/edit/").content.decode().count('<details class="card limit" open>') == 2


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"name": "a"}, "Enter an amount, or leave both name and amount empty."),
        ({"amount": "1"}, "Enter a name, or leave both name and amount empty."),
        ({"name": "a", "amount": "many"}, "Enter a whole number, for example 1,000,000."),
        ({"name": "a", "amount": "0"}, "Amount must be from 1 to 1,000,000,000,000,000."),
        ({"name": "a", "amount": "2000000000", "kind": "rate", "per": "second"}, "Amount must be from 1 to"),
        ({"name": "A b", "amount": "1"}, "Limit name must have 1 to 32 characters of a-z, 0-9, _ and -."),
        ({"name": "key", "amount": "1"}, "key is the name of another limit. Choose a different name."),
        ({"name": "a", "amount": "1", "timezone": "Berlin"}, "Time zone must be a name of the IANA database"),
        ({"name": "a", "amount": "1", "starts": "anchor", "per": "day"}, "Only months can start at an anchor"),
        ({"name": "a", "amount": "1", "kind": "rate"}, "A rate refills within a second, minute, hour, day or week."),
        ({"name": "a", "amount": "1", "per": "minute"}, "A quota starts again each hour, day, week or month"),
        ({"name": "a", "amount": "1", "kind": "rate", "per": "other"}, "Enter how many seconds an empty bucket takes"),
        ({"name": "a", "amount": "1", "kind": "concurrency", "unit": "X"}, "Unit must have 1 to 32 characters"),
    ],
)
def test_error_stands_at_its_field(admin: Client, row: dict[str, str], error: str) -> None:
    """Also if limits before it are empty, so that the service counts them differently."""
    response = admin.post(f"{PLANS}add/", plan_form({}, row, name="team"))
    (shown,) = errors(response)
    assert shown.startswith(error)
    (box,) = re.findall(r'<p class="error" id="id_limit-([0-9])', response.content.decode())
    assert box == "1"
    assert not Plan.objects.exists()


def test_error_of_the_name_stands_at_the_name(admin: Client) -> None:
    create_plan()
    response = admin.post(f"{PLANS}add/", plan_form({"name": "a", "amount": "1"}, name="team"))
    assert errors(response) == ["Another plan has this name."]
    twice = plan_form({"name": "a", "amount": "1"}, {"name": "a", "amount": "1"}, name="other")
    assert errors(admin.post(f"{PLANS}add/", twice)) == ["Each limit of a plan needs its own name."]


def sent_back(page: str) -> dict[str, str]:
    """Return what a browser sends if nothing in the form is changed."""
    boxes = re.findall(r'<input type="(?:text|hidden)" name="([^"]+)" value="([^"]*)"', page)
    selects = re.findall(r'<select name="([^"]+)"(.*?)</select>', page, re.DOTALL)
    chosen = {
        name: re.findall(r'value="([^"]+)" selected', options)[0] for name, options in selects if "selected" in options
    }
    return {**plan_form(), **dict(boxes), **chosen}


def test_limits_are_changed(admin: Client) -> None:
    create_plan()
    page = admin.get(f"{PLANS}team/edit/").content.decode()
    form = sent_back(page)
    assert admin.post(f"{PLANS}team/edit/", form).status_code == 302
    assert Plan.objects.get().revision == 1, "an unchanged form changes nothing"
    form |= {"limit-1-amount": "2,000", "limit-0-remove": "on", "limit-0-amount": "nonsense"}
    assert admin.post(f"{PLANS}team/edit/", form)["Location"] == f"{PLANS}team/change/"
    (limit,) = Plan.objects.get().limits
    assert limit["quota"]["quota"] == 2000


def test_limit_that_counts_something_else_needs_another_name(admin: Client) -> None:
    create_plan()
    form = sent_back(admin.get(f"{PLANS}team/edit/").content.decode())
    response = admin.post(f"{PLANS}team/edit/", {**form, "limit-1-unit": "tokens"})
    (shown,) = errors(response)
    assert "name" in shown
    assert Plan.objects.get().revision == 1


def test_stale_form_changes_nothing(admin: Client) -> None:
    create_plan()
    form = sent_back(admin.get(f"{PLANS}team/edit/").content.decode())
    policies().change_plan("team", {"limits": [PER_SECOND]})
    response = admin.post(f"{PLANS}team/edit/", {**form, "limit-0-amount": "7"})
    assert response.status_code == 409
    assert "Plan team was changed by command:test at" in response.content.decode()
    assert len(Plan.objects.get().limits) == 1


def test_list_and_page_show_users(admin: Client, service: ConfigService) -> None:
    create_plan()
    create_plan("small", PER_SECOND)
    owner = create_owner()
    key = service.issue({"label": "robot", "plan": "small"}).key
    rows = {row.plan.name: (row.owners, row.keys) for row in admin.get(PLANS).context["rows"]}
    assert rows == {"small": (0, 1), "team": (1, 0)}
    assert f"/admin/apikeys/owner/{owner.slug}/change/" in admin.get(f"{PLANS}team/change/").content.decode()
    assert f"/admin/apikeys/apikey/{key.key_id}/change/" in admin.get(f"{PLANS}small/change/").content.decode()


def test_list_has_pages(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.plans.plan_list.PAGE", 2)
    for name in "abc":
        create_plan(name)
    assert [row.plan.name for row in admin.get(PLANS).context["rows"]] == ["a", "b"]
    assert [row.plan.name for row in admin.get(PLANS, {"after": "b"}).context["rows"]] == ["c"]
    assert admin.get(PLANS, {"x": "1"}).status_code == 400
    assert admin.post(PLANS).status_code == 405


def test_unused_plan_is_deleted_after_confirmation(admin: Client) -> None:
    create_plan()
    page = admin.get(f"{PLANS}team/delete/").content.decode()
    assert "Delete permanently" in page
    assert admin.post(f"{PLANS}team/delete/", {"known_epoch": "7"})["Location"] == f"{PLANS}team/change/"
    assert Plan.objects.exists(), "the confirmation was for another state"
    assert admin.post(f"{PLANS}team/delete/", {"known_epoch": "1"})["Location"] == PLANS
    assert not Plan.objects.exists()


def test_used_plan_is_not_deleted(admin: Client) -> None:
    create_plan("team", MONTHLY)
    create_owner()
    page = admin.get(f"{PLANS}team/delete/").content.decode()
    assert "The plan is in use" in page
    assert "Delete permanently" not in page
    assert admin.post(f"{PLANS}team/delete/", {"known_epoch": "1"})["Location"] == f"{PLANS}team/change/"
    assert Plan.objects.exists()


def test_unknown_plan_is_404(admin: Client) -> None:
    for page in ("change", "edit", "delete"):
        for name in ("none", "A"):
            assert admin.get(f"{PLANS}{name}/{page}/").status_code == 404


def test_number_of_queries_is_constant(
    admin: Client, service: ConfigService, django_assert_max_num_queries: Any
) -> None:
    def count(page: str) -> int:
        with django_assert_max_num_queries(60) as queries:
            assert admin.get(page).status_code == 200
        return len(queries)

    create_plan()
    create_plan("small", PER_SECOND)
    create_owner()
    service.issue({"label": "robot", "plan": "small", "owner": "ACME"})
    pages = (PLANS, f"{PLANS}team/change/", f"{PLANS}small/change/")
    count(PLANS)  # notes that the session is used
    few = [count(page) for page in pages]
    for number in range(6):
        create_plan(f"p{number}")
        create_owner(f"owner {number}")
        service.issue({"label": "robot", "plan": "small", "owner": f"owner {number}"})
    assert [count(page) for page in pages] == few
