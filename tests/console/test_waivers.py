"""Pages of waivers: the list and its filter, one waiver, and its end."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from apikeys.config_service import ConfigService
from events.models import Event
from events.origin import Origin
from health.models import Waiver
from health.waivers import Waivers

pytestmark = pytest.mark.django_db
LIST = "/admin/health/waiver/"


def grant(guard_rail: str = "unused_key", **values: str) -> Waiver:
    ends_at = (timezone.now() + timedelta(days=3, minutes=1)).isoformat()
    values = {"guard_rail": guard_rail, "reason": "load test", "ends_at": ends_at, **values}
    return Waivers(Origin("user:bob", "r")).grant(values)


def listed(admin: Client, **query: str) -> list[int]:
    return [waiver.pk for waiver, _ in admin.get(LIST, query).context["rows"]]


def test_list_shows_waivers(admin: Client, service: ConfigService) -> None:
    key = service.issue({"label": "x"}).key
    waiver = grant(key_id=key.key_id, reason="<b>load</b>")
    page = admin.get(LIST).content.decode()
    for text in (
        f'href="{LIST}{waiver.pk}/change/"',
        f'href="/admin/apikeys/apikey/{key.key_id}/change/"',
        f'data-copy-text="{key.key_id}"',
        "&lt;b&gt;load&lt;/b&gt;",
        "user:bob",
        f"{waiver.ends_at:%Y-%m-%d %H:%M:%S} UTC",
        "in 3 days",
        ">active<",
    ):
        assert text in page, text


def test_list_is_filtered_by_state(admin: Client) -> None:
    ended, active = grant("key_without_expiry"), grant()
    Waivers(Origin("system", "r")).end(ended.pk)
    due = grant("old_secret")
    # Its time is over, but the steward has not ended it yet.
    Waiver.objects.filter(pk=due.pk).update(ends_at=timezone.now())
    assert listed(admin) == [due.pk, active.pk, ended.pk]
    assert listed(admin, state="active") == [active.pk]
    assert listed(admin, state="ended") == [due.pk, ended.pk]
    for wrong in ({"state": "x"}, {"reason": "x"}):
        assert admin.get(LIST, wrong).status_code == 400


def test_list_has_pages(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.waivers.pages.PAGE", 2)
    first, second, third = (grant(name) for name in ("unused_key", "old_secret", "key_without_expiry"))
    assert listed(admin) == [third.pk, second.pk]
    assert f"before={second.pk}" in admin.get(LIST).content.decode()
    assert listed(admin, before=str(second.pk)) == [first.pk]


def test_waiver_is_ended_after_confirmation(admin: Client) -> None:
    waiver = grant()
    page = f"{LIST}{waiver.pk}/"
    assert f'href="{"../end/"}">End now<' in admin.get(f"{page}change/").content.decode()
    assert "load test" in admin.get(f"{page}end/").content.decode()
    assert not Event.objects.filter(type="WaiverEnded").exists()
    assert admin.post(f"{page}end/")["Location"] == f"{page}change/"
    event = Event.objects.get(type="WaiverEnded")
    assert (event.actor, event.data["because"]) == ("user:ada", "ended")
    shown = admin.get(f"{page}change/").content.decode()
    assert "by user:ada" in shown
    assert "End now" not in shown


def test_waiver_ends_once(admin: Client) -> None:
    waiver = grant()
    page = f"{LIST}{waiver.pk}/end/"
    admin.post(page)
    for again in (admin.post(page, follow=True), admin.get(page, follow=True)):
        assert "The waiver had already ended." in again.content.decode()
    assert Event.objects.filter(type="WaiverEnded").count() == 1
    assert admin.get(f"{LIST}999/end/").status_code == 404
    assert admin.get(f"{LIST}x/change/").status_code == 404


def test_viewer_can_change_nothing(client: Client) -> None:
    viewer = User.objects.create_user("vi", is_staff=True)
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)
    waiver = grant()
    assert "Grant a waiver" not in client.get(LIST).content.decode()
    assert "End now" not in client.get(f"{LIST}{waiver.pk}/change/").content.decode()
    for method in (client.get, client.post):
        assert method(f"{LIST}{waiver.pk}/end/").status_code == 403
        assert method(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{waiver.pk}/change/").status_code == 403
    waiver.refresh_from_db()
    assert waiver.ended_at is None


def test_no_waiver_is_changed_or_deleted(admin: Client) -> None:
    waiver = grant()
    for page in ("change", "delete"):
        assert admin.post(f"{LIST}{waiver.pk}/{page}/", {"reason": "x", "post": "yes"}).status_code == 403
    assert admin.post(LIST, {"action": "end", "_selected_action": [waiver.pk]}).status_code == 405
    waiver.refresh_from_db()
    assert (waiver.reason, waiver.ended_at) == ("load test", None)
