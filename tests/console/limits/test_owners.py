"""Owners in the admin: the list, the page of one, and what can be done to it."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.config_service import ConfigService
from apikeys.models import Override, Owner, QuotaUse
from apikeys.policies.effective import owner_counter
from apikeys.policies.lookup import limits_of_stored_owner
from apikeys.policies.quota_upkeep import percentage_reached
from events.models import Event
from latchkey.timestamps import rfc3339
from ratelimit.claim import FOREVER_S
from ratelimit.limiter import default_limiter
from ratelimit.stores.base import BucketStoreError
from tests.console.limits.forms import OWNERS, create_owner, create_plan, policies

pytestmark = pytest.mark.django_db
ACME = f"{OWNERS}acme/"
ADD = {
    "name": "ACME",
    "display_name": "Acme Inc.",
    "contacts": "api@acme.example\n\n",
    "period_anchor": "",
    "plan": "team",
}


def write_use(owner: Owner, used: int, name: str = "monthly") -> None:
    """Write what the database has of a quota of the owner."""
    (limit,) = (one for one in limits_of_stored_owner(owner, timezone.now()) if one.limit.name == name)
    QuotaUse.objects.create(
        counter=owner_counter(owner.pk, name).decode(),
        definition=limit.limit.definition,
        ends_s=FOREVER_S - 1,
        used=used,
        quota=1000,
        told=percentage_reached(used, 1000),
        updated_at=timezone.now(),
    )


def test_owner_is_added(admin: Client) -> None:
    create_plan()
    assert admin.get(f"{OWNERS}add/", {"name": "ACME"}).context["form"]["name"].value() == "ACME"
    assert admin.post(f"{OWNERS}add/", ADD)["Location"] == f"{ACME}change/"
    owner = Owner.objects.get()
    assert (owner.name, owner.plan_name, owner.contacts) == ("ACME", "team", ["api@acme.example"])
    assert Event.objects.get(type="OwnerCreated").actor == "user:ada"
    page = admin.get(f"{ACME}change/").content.decode()
    assert "Acme Inc." in page
    assert re.search(r"0 used, 1,000 left, resets <time [^>]+>in [0-9]+ ", page)
    assert "<dt>per_second</dt><dd>100 a second</dd>" in page


@pytest.mark.parametrize(
    ("change", "field", "error"),
    [
        ({"name": "taken"}, "name", "Another owner has this name."),
        ({"period_anchor": "2026-02-31"}, "period_anchor", "Period anchor must be a date such as 2026-11-15, or null."),
        ({"contacts": "\n".join("x" * 9)}, "contacts", "Contacts must have at most 8 entries."),
        ({"plan": "none"}, "plan", "Select a valid choice. none is not one of the available choices."),
    ],
)
def test_error_stands_at_its_field(admin: Client, change: dict[str, str], field: str, error: str) -> None:
    create_plan()
    create_owner("taken")
    assert admin.post(f"{OWNERS}add/", {**ADD, **change}).context["form"].errors == {field: [error]}


def test_owner_is_changed(admin: Client) -> None:
    create_plan()
    create_owner()
    form = {"display_name": "Acme", "contacts": "", "period_anchor": "2026-01-31", "known_epoch": "1"}
    assert admin.post(f"{ACME}change/", form).status_code == 302
    owner = Owner.objects.get()
    assert (owner.display_name, str(owner.period_anchor), owner.plan_name) == ("Acme", "2026-01-31", "team")
    stale = admin.post(f"{ACME}change/", {**form, "display_name": "Other"})
    assert stale.status_code == 409
    assert "Owner ACME was changed by user:ada" in stale.content.decode()
    assert Owner.objects.get().display_name == "Acme"


def test_plan_is_changed(admin: Client) -> None:
    create_plan()
    create_plan("big", {"name": "monthly", "shared": "owner", "quota": {"quota": 5000, "per": "month"}})
    create_owner()
    assert admin.post(f"{ACME}plan/", {"plan": "big", "known_epoch": "1"})["Location"] == f"{ACME}change/"
    assert "5,000 left" in admin.get(f"{ACME}change/").content.decode()
    admin.post(f"{ACME}plan/", {"plan": "", "known_epoch": "2"})
    assert Owner.objects.get().plan_name is None
    assert "the owner has no plan" in admin.get(f"{ACME}change/").content.decode()


def test_override_is_granted_and_ended(admin: Client) -> None:
    create_plan()
    create_owner()
    until = datetime(2099, 1, 1, tzinfo=UTC)
    assert admin.get(f"{ACME}override/", {"limit": "monthly"}).context["form"]["limit"].value() == "monthly"
    form = {"limit": "monthly", "amount": "2,000", "until": rfc3339(until), "reason": "launch week"}
    assert admin.post(f"{ACME}override/", form)["Location"] == f"{ACME}change/"
    page = admin.get(f"{ACME}change/").content.decode()
    assert "2,000 left" in page
    assert "override until 2099-01-01" in page
    assert "launch week" in page
    end = f"{ACME}override/{Override.objects.get().pk}/end/"
    assert "2,000" in admin.get(end).content.decode()
    assert admin.post(end)["Location"] == f"{ACME}change/"
    assert Override.objects.get().ended_at is not None
    assert "1,000 left" in admin.get(f"{ACME}change/").content.decode()


def test_errors_of_an_override_stand_at_their_fields(admin: Client) -> None:
    create_plan()
    create_owner()
    form = {"limit": "monthly", "amount": "0", "until": "2000-01-01T00:00:00Z"}
    errors = admin.post(f"{ACME}override/", form).context["form"].errors
    assert errors["amount"] == ["Amount must be from 1 to 1,000,000,000,000,000."]
    assert set(errors) == {"amount", "until"}
    assert admin.post(f"{ACME}override/", {**form, "limit": "per_second"}).context["form"].errors["limit"]


def test_override_of_another_subject_is_404(admin: Client, service: ConfigService) -> None:
    create_plan()
    create_owner()
    create_owner("other")
    values = {"owner": "other", "limit": "monthly", "quota": 5, "until": "2099-01-01T00:00:00Z"}
    override = policies().grant_override(values)
    key = service.issue({"label": "x"}).key
    for place in (ACME, f"/admin/apikeys/apikey/{key.key_id}/"):
        assert admin.post(f"{place}override/{override.pk}/end/").status_code == 404
    assert Override.objects.get().ended_at is None


def test_adjustment_is_shown_before_it_is_made(admin: Client) -> None:
    create_plan()
    create_owner()
    page = f"{ACME}adjust/monthly/"
    form = {"how": "add", "amount": "600", "reason": "imported"}
    preview = admin.post(page, form)
    assert (
        "<dt>Used now</dt><dd>0</dd><dt>Used afterwards</dt><dd><strong>600</strong></dd>" in preview.content.decode()
    )
    assert not Event.objects.filter(type="LimitAdjusted").exists()
    again = admin.post(page, {**form, "change": "yes"}).context
    assert again["after"] is None
    assert again["form"]["amount"].value() == "600"
    assert admin.post(page, {**form, "confirmed": "yes"})["Location"] == f"{ACME}change/"
    assert "600 used, 400 left" in admin.get(f"{ACME}change/").content.decode()
    back = {"how": "give-back", "amount": "1,000", "reason": "outage"}
    assert admin.post(page, back).context["after"] == 0
    admin.post(page, {**back, "confirmed": "yes"})
    admin.post(page, {"how": "set", "amount": "7", "reason": "x", "confirmed": "yes"})
    events = Event.objects.filter(type="LimitAdjusted").order_by("id")
    assert [(event.data["before"], event.data["after"]) for event in events] == [(0, 600), (600, 0), (0, 7)]
    assert events[0].data["reason"] == "imported"


def test_adjustment_needs_a_reason_and_a_limit(admin: Client) -> None:
    create_plan()
    create_owner()
    form = {"how": "add", "amount": "-5", "reason": "", "confirmed": "yes"}
    errors = admin.post(f"{ACME}adjust/monthly/", form).context["form"].errors
    assert set(errors) == {"amount", "reason"}
    for name in ("per_second", "none"):
        assert admin.get(f"{ACME}adjust/{name}/").status_code == 404


def test_page_opens_while_the_store_is_down(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    create_plan()
    write_use(create_owner(), 612)

    def down(*_: object, **__: object) -> None:
        raise BucketStoreError("down")

    for name in ("peek_claims", "adjust"):
        monkeypatch.setattr(type(default_limiter().store), name, down)
    page = admin.get(f"{ACME}change/").content.decode()
    assert "The bucket store is down." in page
    assert "612 used, 388 left" in page
    form = {"how": "add", "amount": "1", "reason": "x", "confirmed": "yes"}
    assert (
        "The bucket store is down, so nothing was changed."
        in admin.post(f"{ACME}adjust/monthly/", form).content.decode()
    )


def test_owner_without_keys_is_deleted(admin: Client, service: ConfigService) -> None:
    create_plan()
    create_owner()
    service.issue({"label": "x", "owner": "ACME"})
    page = admin.get(f"{ACME}delete/").content.decode()
    assert "1 key</a>, so it can&#x27;t be deleted" in page or "1 key</a>, so it can't be deleted" in page
    assert admin.post(f"{ACME}delete/", {"known_epoch": "1"})["Location"] == f"{ACME}change/"
    create_owner("other")
    assert admin.post(f"{OWNERS}other/delete/", {"known_epoch": "1"})["Location"] == OWNERS
    assert [owner.name for owner in Owner.objects.all()] == ["ACME"]


def test_list_searches_and_filters(admin: Client, service: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    create_plan()
    write_use(create_owner(), 850)
    create_owner("Other", plan=None, display_name="Someone else")
    service.issue({"label": "x", "owner": "ACME"})

    def names(**query: str) -> list[str]:
        return [row.owner.name for row in admin.get(OWNERS, query).context["rows"]]

    assert names() == ["ACME", "Other"]
    assert names(q="someone") == names(q="OTH") == ["Other"]
    assert names(plan="team") == ["ACME"]
    row = admin.get(OWNERS).context["rows"][0]
    assert (row.keys, row.nearest.limit, row.nearest.share) == (1, "monthly", 0.85)
    assert "85 %" in admin.get(OWNERS).content.decode()
    monkeypatch.setattr("console.owners.owner_list.PAGE", 1)
    assert names(after="ACME") == ["Other"]
    assert admin.get(OWNERS, {"x": "1"}).status_code == 400


def test_name_without_an_owner_offers_to_add_it(admin: Client, service: ConfigService) -> None:
    service.issue({"label": "x", "owner": "pay/ments & more"})
    here = f"{OWNERS}by-name/"
    page = admin.get(here, {"name": "pay/ments & more"}).content.decode()
    assert "1 key has this owner" in page
    assert f"{OWNERS}add/?name=pay%2Fments%20%26%20more" in page
    create_plan()
    owner = create_owner("pay/ments & more")
    assert admin.get(here, {"name": owner.name})["Location"] == f"{OWNERS}{owner.slug}/change/"


def test_number_of_queries_is_constant(
    admin: Client, service: ConfigService, django_assert_max_num_queries: Any
) -> None:
    def count(page: str) -> int:
        with django_assert_max_num_queries(60) as queries:
            assert admin.get(page).status_code == 200
        return len(queries)

    create_plan()
    write_use(create_owner(), 900)
    count("/admin/")  # counts the keys
    few = [count(page) for page in (OWNERS, f"{ACME}change/", "/admin/")]
    for number in range(8):
        write_use(create_owner(f"owner {number}"), 900)
        service.issue({"label": "robot", "owner": "ACME"})
    many = [count(page) for page in (OWNERS, f"{ACME}change/", "/admin/")]
    assert all(after <= before for before, after in zip(few, many, strict=True)), (few, many)


@pytest.mark.parametrize("page", ["change", "plan", "delete", "override", "adjust/monthly", "override/1/end"])
def test_unknown_owner_is_404(admin: Client, page: str) -> None:
    for slug in ("none", "A"):
        assert admin.get(f"{OWNERS}{slug}/{page}/").status_code == 404
