"""Each control of the admin that the docs name is, in these words, on the page that they name."""

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from access.one_time_link import begin_link
from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from console.keys.views import key_url
from events.models import WebhookEndpoint
from events.origin import Origin
from health.models import Waiver
from health.waivers import Waivers
from latchkey.timestamps import rfc3339
from tests.console.limits.forms import create_owner, create_plan, policies
from tests.docs.controls import controls, prose, texts_of
from tests.docs.test_pages import PAGES, ROOT

# On pages about the admin only the convention names a control, so that none goes unnoticed.
ABOUT_THE_ADMIN: Final = [
    *(ROOT / "docs" / "guard-rails").glob("*.md"),
    *(ROOT / "docs" / "reference" / name for name in ("admin.md", "guard-rails.md", "keys.md")),
    *(
        ROOT / "docs" / "how-to" / name
        for name in (
            "manage-admin-users.md",
            "manage-keys.md",
            "respond-to-a-leak.md",
            "rotate-a-key.md",
            "rotate-server-secrets.md",
            "waive-a-guard-rail.md",
        )
    ),
    ROOT / "docs" / "tutorials" / "first-key.md",
]
# The pages that are no key's, by the name that docs give them.
PATHS: Final = {
    "Overview": "admin:index",
    "Keys": "admin:apikeys_apikey_changelist",
    "Plans": "admin:apikeys_plan_changelist",
    "Owners": "admin:apikeys_owner_changelist",
    "Issue a key": "admin:apikeys_apikey_add",
    "Guard rails": "admin:guard-rails",
    "Incidents": "admin:health_incident_changelist",
    "Waivers": "admin:health_waiver_changelist",
    "Grant a waiver": "admin:health_waiver_add",
    "Events": "admin:events_event_changelist",
    "Verify the event log": "admin:verification",
    "Webhooks": "admin:events_webhookendpoint_changelist",
    "People": "admin:auth_user_changelist",
    "Roles": "admin:auth_group_changelist",
    "Authenticator app": "admin:authenticator",
}
# Pages of a plan and an owner, and of a limit that is adjusted.
LIMITS: Final = {
    "The plan": [f"/admin/apikeys/plan/{name}/change/" for name in ("team", "unused")],
    "The owner": ["/admin/apikeys/owner/acme/change/"],
    "Adjust the limit": ["/admin/apikeys/owner/acme/adjust/monthly/"],
}
# What can be done to a key, and the page of it.
ACTIONS: Final = {
    "Rotate the secret": "rotate",
    "Finish the rotation": "finish",
    "Change the limit": "limit",
    "Disable or enable": "enable",
    "Revoke the key": "revoke",
}


def named() -> dict[tuple[str, str], list[str]]:
    """Each control with its page, and the files that name it."""
    found: dict[tuple[str, str], list[str]] = {}
    for page in PAGES:
        for control in controls(page.read_text(encoding="utf-8")):
            found.setdefault(control, []).append(page.name)
    return found


@pytest.fixture
def keys(service: ConfigService) -> list[APIKey]:
    """An active key under rotation, and a disabled one; with what other pages need to show their controls."""
    create_plan("small", {"name": "daily", "quota": {"quota": 5, "per": "day"}})
    create_plan()
    create_plan("unused")
    create_owner()
    override = {"owner": "acme", "limit": "monthly", "quota": 5, "until": "2099-01-01T00:00:00Z"}
    policies().grant_override(override)
    rotating = service.issue({"label": "rotating", "rate_limit": None, "plan": "small"}).key
    service.rotate(rotating.key_id)
    disabled = service.issue({"label": "disabled"}).key
    service.update(disabled.key_id, {"enabled": False})
    service.webhooks.add({"url": "https://hooks.example.com/x"})
    ends_at = rfc3339(timezone.now() + timedelta(days=1))
    Waivers(Origin.of_command("test")).grant({"guard_rail": "unused_key", "reason": "x", "ends_at": ends_at})
    return [rotating, disabled]


def people() -> list[User]:
    """A person with an authenticator app, and one with a one-time link."""
    active, invited = User.objects.create_user("vi", password="x"), User.objects.create_user("eve")
    TOTPDevice.objects.create(user=active)
    begin_link(invited)
    invited.save()
    return [active, invited]


def addresses(page: str, keys: Iterable[APIKey]) -> list[str]:
    """Where a page is; for a key's, those of all keys. Empty if docs name a page that isn't listed here."""
    if page == "The person":
        return [reverse("admin:auth_user_change", args=[user.pk]) for user in people()]
    if page == "The waiver":
        return [reverse("admin:health_waiver_change", args=[Waiver.objects.get().pk])]
    if page == "The key":
        return [key_url(key) for key in keys]
    if page in LIMITS:
        return LIMITS[page]
    if page == "The webhook":
        return [reverse("admin:events_webhookendpoint_change", args=[WebhookEndpoint.objects.get().endpoint_id])]
    if page == "Delivery":
        webhook = WebhookEndpoint.objects.get()
        one = webhook.attempts.create(
            kind="event", event_id=1, event_type="KeyIssued", number=1, outcome="failed", at=timezone.now()
        )
        return [reverse("admin:events_webhook_delivery", args=[webhook.endpoint_id, one.pk])]
    if page in ACTIONS:
        return [f"{key_url(key).removesuffix('change/')}{ACTIONS[page]}/" for key in keys]
    return [reverse(PATHS[page])] if page in PATHS else []


@pytest.mark.django_db
def test_controls_are_on_the_pages_that_docs_name(admin: Client, keys: list[APIKey]) -> None:
    found = named()
    assert len(found) > 25
    shown: dict[str, set[str]] = {}
    for page in {page for page, _ in found}:
        answers = [admin.get(address) for address in addresses(page, keys)]
        assert answers, f"{page} is no page of the admin"
        assert {answer.status_code for answer in answers} == {200}, page
        assert page in texts_of(answers[0].content.decode()), page
        shown[page] = set().union(*(texts_of(answer.content.decode()) for answer in answers))
    assert {where: files for where, files in found.items() if where[1] not in shown[where[0]]} == {}


@pytest.mark.parametrize("page", ABOUT_THE_ADMIN, ids=lambda page: str(page.relative_to(ROOT)))
def test_controls_are_named_in_one_way(page: Path) -> None:
    """Quoted, or in bold without their page, they would not be looked for."""
    text = prose(page.read_text(encoding="utf-8"))
    assert re.findall(r'"[A-Z][^"]*"', text) == []
    assert re.findall(r"\*[A-Z][a-z]+\*(?!\*)", re.sub(r"\*\*[^*]*\*\*", "", text)) == []


def test_what_is_read_of_docs_and_of_pages() -> None:
    docs = "Choose **The key →\nRotate**, or **Keys → Search**.\n\n```\n**Not → This**\n```\n\n- **Files.** See `**x → y**`."
    assert list(controls(docs)) == [("The key", "Rotate"), ("Keys", "Search")]
    page = (
        "<h1>The <b>key</b></h1><p>In passing</p><br>"
        '<label for="a">Burst:</label><label><input type="checkbox"> Unlimited</label><input type="submit" value="Go">'
        "<select><option>End now</option></select><button>Save &amp; go</button>"
    )
    assert texts_of(page) >= {"The key", "Burst", "Unlimited", "Go", "End now", "Save & go"}
    assert not texts_of(page) & {"In passing", "key"}
