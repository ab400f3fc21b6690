"""Each role and each page and action of the admin: what opens, what does something, and what is refused."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from events.models import Event, WebhookAttempt, WebhookEndpoint
from events.origin import Origin
from health.models import Waiver
from health.waivers import Waivers
from tests.access.people import Person

pytestmark = pytest.mark.django_db
NOBODY, VIEWER, OPERATOR, ADMINISTRATOR = "", "viewer", "operator", "administrator"
RANK = (NOBODY, VIEWER, OPERATOR, ADMINISTRATOR)
PAGES = {
    "/admin/": NOBODY,
    "/admin/authenticator/": NOBODY,
    "/admin/password_change/": NOBODY,
    "/admin/apikeys/apikey/": VIEWER,
    "/admin/apikeys/apikey/{key}/change/": VIEWER,
    "/admin/events/event/": VIEWER,
    "/admin/events/event/{event}/change/": VIEWER,
    "/admin/events/webhookendpoint/": VIEWER,
    "/admin/events/webhookendpoint/{webhook}/change/": VIEWER,
    "/admin/events/webhookendpoint/{webhook}/deliveries/": VIEWER,
    "/admin/events/webhookendpoint/{webhook}/deliveries/{delivery}/": VIEWER,
    "/admin/health/incident/": VIEWER,
    "/admin/health/waiver/": VIEWER,
    "/admin/health/waiver/{waiver}/change/": VIEWER,
    "/admin/health/waiver/add/": OPERATOR,
    "/admin/auth/user/": ADMINISTRATOR,
    "/admin/auth/user/add/": ADMINISTRATOR,
    "/admin/auth/user/{user}/change/": ADMINISTRATOR,
    "/admin/auth/user/{user}/password/": ADMINISTRATOR,
    "/admin/auth/user/{user}/authenticator/": ADMINISTRATOR,
    "/admin/auth/user/{user}/delete/": ADMINISTRATOR,
    "/admin/auth/group/": ADMINISTRATOR,
    "/admin/auth/group/add/": ADMINISTRATOR,
    "/admin/auth/group/{group}/change/": ADMINISTRATOR,
}
PERMISSIONS = {
    "apikeys.view_apikey": VIEWER,
    "apikeys.add_apikey": OPERATOR,
    "apikeys.change_apikey": OPERATOR,
    "apikeys.delete_apikey": None,
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
    event = Event.objects.earliest("id")
    delivery = endpoint.attempts.create(
        kind="event", event_id=event.pk, event_type=event.type, number=1, outcome="delivered", at=timezone.now()
    )
    return {
        "key": root.key.key_id,
        "event": event.pk,
        "webhook": endpoint.endpoint_id,
        "delivery": delivery.pk,
        "waiver": waiver.pk,
        "user": User.objects.create_user("bob", is_staff=True).pk,
        "group": Group.objects.get(name="viewer").pk,
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
    for page, action, chosen in (
        ("events/webhookendpoint", "disable", WebhookEndpoint.objects.get().pk),
        ("health/waiver", "end", places["waiver"]),
    ):
        form = {"action": action, "_selected_action": [chosen], f"known_epoch_{chosen}": "0"}
        one.browser.post(f"/admin/{page}/", form)
    delivery = "/admin/events/webhookendpoint/{webhook}/deliveries/{delivery}/resend/".format(**places)
    one.browser.post(delivery, {"known_epoch": WebhookEndpoint.objects.get().revision})
    may = rank >= RANK.index(OPERATOR)
    assert WebhookEndpoint.objects.get().enabled is not may
    assert (Waiver.objects.get().ended_at is not None) is may
    assert WebhookAttempt.objects.filter(kind="resend").exists() is may


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
