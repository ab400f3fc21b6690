"""axe-core finds no fault of any level on any page of the admin, light and dark, wide and narrow; no page scrolls
sideways.
"""

from datetime import timedelta
from itertools import product
from typing import Final, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Browser, Page

from access.one_time_link import begin_link
from apikeys.config_service import ConfigService
from events.origin import Origin
from health.models import Incident
from health.waivers import Waivers
from tests.browser.signing_in import submit_sign_in
from tests.console.limits.forms import create_owner, create_plan, policies

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow("drives a browser"), pytest.mark.storeless("pages")]
PASSWORD = "a long enough pass phrase"
Scheme = Literal["light", "dark"]
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
LOOKS: Final = tuple(product(SCHEMES, (1400, 390)))
PAGES = (
    "/admin/",
    "/admin/apikeys/apikey/",
    "/admin/apikeys/apikey/add/",
    *(f"/admin/apikeys/apikey/{{key}}/{page}/" for page in ("change", "rotate", "finish", "limit", "enable", "revoke")),
    "/admin/apikeys/apikey/{key}/override/",
    "/admin/apikeys/apikey/{key}/adjust/daily/",
    "/admin/apikeys/plan/",
    "/admin/apikeys/plan/add/",
    *(f"/admin/apikeys/plan/{name}/{page}/" for name in ("team", "unused") for page in ("change", "edit", "delete")),
    "/admin/apikeys/owner/",
    "/admin/apikeys/owner/add/",
    "/admin/apikeys/owner/by-name/?name=payments",
    *(f"/admin/apikeys/owner/acme/{page}/" for page in ("change", "plan", "override", "adjust/monthly", "delete")),
    "/admin/apikeys/owner/acme/override/{override}/end/",
    "/admin/guard-rails/",
    "/admin/verification/",
    "/admin/authenticator/",
    "/admin/password_change/",
    "/admin/no-such-page/",
    "/admin/events/event/?digest=0",
    "/admin/health/incident/",
    "/admin/health/incident/{incident}/change/",
    "/admin/health/waiver/",
    "/admin/health/waiver/add/",
    "/admin/health/waiver/{waiver}/change/",
    "/admin/health/waiver/{waiver}/end/",
    "/admin/events/event/",
    "/admin/events/event/1/change/",
    "/admin/events/webhookendpoint/",
    "/admin/events/webhookendpoint/add/",
    *(f"/admin/events/webhookendpoint/{{webhook}}/{page}/" for page in ("change", "rotate", "remove")),
    *(f"/admin/events/webhookendpoint/{{webhook}}/{page}/" for page in ("deliveries", "deliveries/{delivery}")),
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    *(
        f"/admin/auth/user/{{person}}/{page}/"
        for page in ("change", "toggle", "link", "withdraw", "authenticator", "delete")
    ),
    "/admin/auth/group/",
    "/admin/auth/group/add/",
    *(f"/admin/auth/group/{{role}}/{page}/" for page in ("change", "delete")),
    "/admin/set-password/",
    "/guard-rails/unlimited_key",
    "/problems/not-found",
    "/no-such-page",
)


def faults_of(page: Page) -> list[str]:
    """What axe-core calls a fault, and where; and whether the page is wider than the window: in every look."""
    page.evaluate(AXE_SCRIPT)
    faults = []
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("document.getAnimations().forEach(transition => transition.finish())")
        look = f"{page.url} ({scheme}, {width})"
        found = page.evaluate("axe.run({resultTypes: ['violations']}).then(results => results.violations)")
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        faults += [f"{look}: is {wider} pixels too wide"] if wider > 0 else []
        faults += [f"{look}: {fault['id']}: {node['html'][:160]}" for fault in found for node in fault["nodes"]]
    return faults


def test_no_fault(chromium: Browser, live_server: object) -> None:
    User.objects.create_superuser("ada", password=PASSWORD)
    service = ConfigService(Origin.of_command("test"))
    key = service.issue({"label": "unlimited", "rate_limit": None, "owner": "payments"}).key
    service.rotate(key.key_id)
    create_plan()
    create_plan("unused")
    create_plan("small", {"name": "daily", "quota": {"quota": 5, "per": "day"}})
    create_owner()
    service.update(key.key_id, {"plan": "small"})
    override = policies().grant_override(
        {"owner": "acme", "limit": "monthly", "quota": 5, "until": "2099-01-01T00:00:00Z", "reason": "launch"}
    )
    webhook = service.webhooks.add({"url": "https://hooks.example.com/x", "label": "pager"}).endpoint
    ends_at = (timezone.now() + timedelta(days=1)).isoformat()
    waiver = Waivers(Origin.of_command("test")).grant(
        {"guard_rail": "unused_key", "key_id": key.key_id, "reason": "load test", "ends_at": ends_at}
    )
    person = User(username="bob", is_staff=True)
    person.save()
    begin_link(person)
    person.save()
    role = Group.objects.create(name="readers")
    person.groups.add(role)
    delivery = webhook.attempts.create(
        kind="resend",
        event_id=1,
        event_type="KeyIssued",
        number=2,
        outcome="failed",
        error="HTTP 500",
        status=500,
        duration_ms=1234,
        at=timezone.now(),
        next_attempt_at=timezone.now() + timedelta(hours=1),
        request_headers={"webhook-signature": "v1,[redacted]"},
        response_body="x" * 1024,
    )
    incident = Incident.objects.earliest("pk")
    rows = {"key": key.key_id, "incident": incident.pk, "webhook": webhook.endpoint_id}
    rows |= {
        "override": override.pk,
        "delivery": delivery.pk,
        "waiver": waiver.pk,
        "person": person.pk,
        "role": role.pk,
    }
    context = chromium.new_context(base_url=str(live_server), reduced_motion="reduce")
    page = context.new_page()
    page.goto("/admin/login/")
    faults = faults_of(page)
    submit_sign_in(page, "ada", PASSWORD)
    for path in PAGES:
        page.goto(path.format(**rows))
        faults += faults_of(page)
    page.goto("/admin/auth/user/add/")
    page.get_by_label("Name").fill("eve")
    page.get_by_label("viewer").check()
    page.get_by_role("button", name="Invite").click()
    page.get_by_label("One-time link").wait_for()
    faults += faults_of(page)
    page.goto("/admin/set-password/#1-x")
    for box in page.locator("input[type=password]").all():
        box.fill(PASSWORD)
    page.get_by_role("button", name="Set my password").click()
    page.get_by_role("heading", name="This link doesn't work").wait_for()
    faults += faults_of(page)
    context.close()
    assert not faults, "\n".join(sorted(set(faults)))
