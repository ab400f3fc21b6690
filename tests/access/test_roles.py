"""Each role and each page and action of the admin: what opens, what does something, and what is refused."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.utils import timezone

from access.stale_form_guard import state_of
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from events.models import Event, WebhookAttempt, WebhookEndpoint
from events.origin import Origin
from health.models import Waiver
from health.waivers import Waivers
from tests.access.people import Person
from tests.console.limits.forms import create_owner, create_plan, plan_form, policies

pytestmark = pytest.mark.django_db
NOBODY, VIEWER, OPERATOR, ADMINISTRATOR = "", "viewer", "operator", "administrator"
RANK = (NOBODY, VIEWER, OPERATOR, ADMINISTRATOR)
PAGES = {
    "/admin/": NOBODY,
    "/admin/authenticator/": NOBODY,
    "/admin/password_change/": NOBODY,
    "/admin/apikeys/apikey/": VIEWER,
    "/admin/apikeys/apikey/{key}/change/": VIEWER,
    "/admin/apikeys/apikey/{key}/override/": OPERATOR,
    "/admin/apikeys/apikey/{key}/adjust/daily/": OPERATOR,
    "/admin/apikeys/apikey/{key}/override/{key_override}/end/": OPERATOR,
    "/admin/apikeys/plan/": VIEWER,
    "/admin/apikeys/plan/team/change/": VIEWER,
    "/admin/apikeys/plan/add/": OPERATOR,
    "/admin/apikeys/plan/team/edit/": OPERATOR,
    "/admin/apikeys/plan/team/delete/": OPERATOR,
    "/admin/apikeys/owner/": VIEWER,
    "/admin/apikeys/owner/acme/change/": VIEWER,
    "/admin/apikeys/owner/add/": OPERATOR,
    "/admin/apikeys/owner/acme/plan/": OPERATOR,
    "/admin/apikeys/owner/acme/override/": OPERATOR,
    "/admin/apikeys/owner/acme/override/{owner_override}/end/": OPERATOR,
    "/admin/apikeys/owner/acme/adjust/monthly/": OPERATOR,
    "/admin/apikeys/owner/acme/delete/": OPERATOR,
    "/admin/events/event/": VIEWER,
    "/admin/events/event/{event}/change/": VIEWER,
    "/admin/events/webhookendpoint/": VIEWER,
    "/admin/events/webhookendpoint/{webhook}/change/": VIEWER,
    "/admin/events/webhookendpoint/{webhook}/deliveries/": VIEWER,
    "/admin/events/webhookendpoint/{webhook}/deliveries/{delivery}/": VIEWER,
    "/admin/health/incident/": VIEWER,
    "/admin/health/waiver/": VIEWER,
    "/admin/health/waiver/{waiver}/change/": VIEWER,
    "/admin/health/waiver/{waiver}/end/": OPERATOR,
    "/admin/health/waiver/add/": OPERATOR,
    "/admin/auth/user/": ADMINISTRATOR,
    "/admin/auth/user/add/": ADMINISTRATOR,
    "/admin/auth/user/{user}/change/": ADMINISTRATOR,
    "/admin/auth/user/{user}/toggle/": ADMINISTRATOR,
    "/admin/auth/user/{user}/link/": ADMINISTRATOR,
    "/admin/auth/user/{user}/withdraw/": ADMINISTRATOR,
    "/admin/auth/user/{user}/authenticator/": ADMINISTRATOR,
    "/admin/auth/user/{user}/delete/": ADMINISTRATOR,
    "/admin/auth/group/": ADMINISTRATOR,
    "/admin/auth/group/add/": ADMINISTRATOR,
    "/admin/auth/group/{group}/change/": ADMINISTRATOR,
    "/admin/auth/group/{custom}/change/": ADMINISTRATOR,
    "/admin/auth/group/{custom}/delete/": ADMINISTRATOR,
    "/admin/guard-rails/": VIEWER,
}
PERMISSIONS = {
    "apikeys.view_apikey": VIEWER,
    "apikeys.add_apikey": OPERATOR,
    "apikeys.change_apikey": OPERATOR,
    "apikeys.delete_apikey": None,
    **{f"apikeys.view_{model}": VIEWER for model in ("plan", "owner")},
    **{f"apikeys.{do}_{model}": OPERATOR for do in ("add", "change", "delete") for model in ("plan", "owner")},
    "apikeys.view_override": None,
    "apikeys.view_quotause": None,
    "events.view_event": VIEWER,
    "events.change_event": None,
    "events.delete_event": None,
    "events.view_webhookendpoint": VIEWER,
    "events.add_webhookendpoint": OPERATOR,
    "events.change_webhookendpoint": OPERATOR,
    "events.delete_webhookendpoint": OPERATOR,
    "events.view_webhookattempt": None,
    "health.view_incident": VIEWER,
    "health.change_incident": None,
    "health.view_waiver": VIEWER,
    "health.add_waiver": OPERATOR,
    "auth.view_user": ADMINISTRATOR,
    "auth.change_user": ADMINISTRATOR,
    "auth.delete_group": ADMINISTRATOR,
    "otp_totp.view_totpdevice": None,
    "otp_static.view_statictoken": None,
}


@pytest.fixture
def places(service: ConfigService, root: IssuedKey) -> dict[str, object]:
    """One row of each kind, by the name that PAGES has for it."""
    endpoint = service.webhooks.add({"url": "https://hooks.example.com/x", "label": "pager"}).endpoint
    ends_at = (timezone.now() + timedelta(days=1)).isoformat()
    waiver = Waivers(Origin("system", "r")).grant(
        {"guard_rail": "key_without_expiry", "reason": "a", "ends_at": ends_at}
    )
    create_plan("small", {"name": "daily", "quota": {"quota": 5, "per": "day"}})
    service.update(root.key.key_id, {"plan": "small"})
    create_plan()
    create_owner()
    of_key, of_owner = (
        policies().grant_override({**values, "quota": 7, "until": ends_at})
        for values in ({"key_id": root.key.key_id, "limit": "daily"}, {"owner": "acme", "limit": "monthly"})
    )
    event = Event.objects.earliest("id")
    delivery = endpoint.attempts.create(
        kind="event", event_id=event.pk, event_type=event.type, number=1, outcome="delivered", at=timezone.now()
    )
    return {
        "key": root.key.key_id,
        "key_override": of_key.pk,
        "owner_override": of_owner.pk,
        "event": event.pk,
        "webhook": endpoint.endpoint_id,
        "delivery": delivery.pk,
        "waiver": waiver.pk,
        "user": User.objects.create_user("bob", is_staff=True).pk,
        "group": Group.objects.get(name="viewer").pk,
        "custom": Group.objects.create(name="custom").pk,
    }


@pytest.fixture(params=RANK, ids=lambda role: role or "no_role")
def somebody(request: pytest.FixtureRequest, person: Callable[..., Person]) -> tuple[int, Person]:
    """Somebody with each role in turn, signed in, and the role's rank."""
    one = person("somebody", request.param)
    one.sign_in()
    return RANK.index(request.param), one


def test_role_opens_its_pages(somebody: tuple[int, Person], places: dict[str, object]) -> None:
    rank, one = somebody
    for page, needed in PAGES.items():
        expected = 200 if rank >= RANK.index(needed) else 403
        assert one.browser.get(page.format(**places)).status_code == expected, page


def test_role_has_its_permissions(somebody: tuple[int, Person]) -> None:
    rank, one = somebody
    for name, needed in PERMISSIONS.items():
        expected = needed is not None and rank >= RANK.index(needed)
        assert one.user.has_perm(name) is expected, name


def test_role_has_its_actions(somebody: tuple[int, Person], places: dict[str, object]) -> None:
    """Nothing of these is done below an operator."""
    rank, one = somebody
    webhook = WebhookEndpoint.objects.get()
    form = {"action": "disable", "_selected_action": [webhook.pk], f"known_epoch_{webhook.pk}": "0"}
    one.browser.post("/admin/events/webhookendpoint/", form)
    one.browser.post(f"/admin/health/waiver/{places['waiver']}/end/")
    delivery = "/admin/events/webhookendpoint/{webhook}/deliveries/{delivery}/resend/".format(**places)
    one.browser.post(delivery, {"known_epoch": WebhookEndpoint.objects.get().revision})
    may = rank >= RANK.index(OPERATOR)
    assert WebhookEndpoint.objects.get().enabled is not may
    assert (Waiver.objects.get().ended_at is not None) is may
    assert WebhookAttempt.objects.filter(kind="resend").exists() is may


def test_role_changes_plans_and_owners(somebody: tuple[int, Person], places: dict[str, object]) -> None:
    """Nothing of these is done below an operator, whatever the form says."""
    rank, one = somebody
    owner, key = "/admin/apikeys/owner/acme", f"/admin/apikeys/apikey/{places['key']}"
    adjusted = {"how": "set", "amount": "3", "reason": "x", "confirmed": "yes"}
    override = {"amount": "9", "until": "2099-01-01T00:00:00Z"}
    forms = {
        "/admin/apikeys/plan/add/": plan_form({"name": "a", "amount": "1"}, name="new"),
        "/admin/apikeys/plan/team/edit/": plan_form(
            {"name": "monthly", "amount": "5", "shared": "owner"}, known_epoch="1"
        ),
        "/admin/apikeys/plan/new/delete/": {"known_epoch": "1"},
        "/admin/apikeys/owner/add/": {"name": "new"},
        f"{owner}/change/": {"display_name": "Acme", "known_epoch": "1"},
        f"{owner}/plan/": {"plan": "team", "known_epoch": "2"},
        f"{owner}/override/": {**override, "limit": "monthly"},
        f"{key}/override/": {**override, "limit": "daily"},
        f"{owner}/override/{places['owner_override']}/end/": {},
        f"{key}/override/{places['key_override']}/end/": {},
        f"{owner}/adjust/monthly/": adjusted,
        f"{key}/adjust/daily/": adjusted,
        "/admin/apikeys/owner/new/delete/": {"known_epoch": "1"},
    }
    before = Event.objects.count()
    may = rank >= RANK.index(OPERATOR)
    for page, form in forms.items():
        status = one.browser.post(page, form).status_code
        assert status == (302 if may else 404 if "/new/" in page else 403), page
    # To give the plan that the owner has, and to end overrides that another one replaced, changes nothing.
    assert Event.objects.count() - before == (len(forms) - 3 if may else 0)


def test_role_changes_people_and_roles(somebody: tuple[int, Person], places: dict[str, object]) -> None:
    """Nothing of these is done below an administrator, whatever the form says."""
    rank, one = somebody
    bob, custom = User.objects.get(username="bob"), Group.objects.get(name="custom")
    for page in ("user/{user}/toggle/", "user/{user}/link/", "user/{user}/withdraw/", "user/{user}/delete/"):
        form = {"known_state": state_of(bob)}
        status = one.browser.post(f"/admin/auth/{page}".format(**places), form).status_code
        assert (status == 403) is (rank < RANK.index(ADMINISTRATOR)), page
        bob = User.objects.filter(pk=bob.pk).first() or bob
    one.browser.post("/admin/auth/user/add/", {"username": "eve", "groups": [places["group"]]})
    one.browser.post("/admin/auth/group/add/", {"name": "new", "abilities": ["events.view_event"]})
    one.browser.post(f"/admin/auth/group/{custom.pk}/delete/", {"known_state": state_of(custom)})
    may = rank == RANK.index(ADMINISTRATOR)
    assert User.objects.filter(username="bob").exists() is not may
    assert User.objects.filter(username="eve").exists() is may
    assert Group.objects.filter(name="new").exists() is may
    assert Group.objects.filter(name="custom").exists() is not may


def test_pages_require_session(client: Any, places: dict[str, object]) -> None:
    for page in PAGES:
        answer = client.get(page.format(**places))
        assert answer.status_code == 302, page
        assert answer["Location"].startswith("/admin/login/"), page


def test_first_administrator_has_role(db: None) -> None:
    call_command("first_start", stdout=StringIO())
    first = User.objects.get()
    assert first.is_superuser
    assert [group.name for group in first.groups.all()] == ["administrator"]
    assert APIKey.objects.count() == 1
