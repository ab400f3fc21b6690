"""Keys in the admin: every change goes through the service, and a secret is in one answer alone."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from psycopg.errors import LockNotAvailable

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey, KeySecret, Usage, UsageStep
from apikeys.usage.rollup import step_start
from console.keys.changes import LimitView
from events.lock_timeout import timed_out_recently
from events.models import Event
from ratelimit.limiter import default_limiter
from tests.conftest import Caller

pytestmark = pytest.mark.django_db
LIST = "/admin/apikeys/apikey/"
ISSUE = {
    "label": "billing", "owner": "payments", "scopes": "orders:read\norders:write", "burst": "5", "per_seconds": "60",
    "lifetime_days": "90", "metadata": '{"team": 7}',
}  # fmt: skip
EDIT = {"label": "root", "owner": "", "scopes": '["*"]', "metadata": "{}", "known_epoch": "1", "expires_at": ""}
PAGES = ("change", "rotate", "finish", "limit", "enable", "revoke")


def path(key: APIKey, page: str = "change") -> str:
    return f"{LIST}{key.key_id}/{page}/"


def token(admin: Client, page: str) -> str:
    """The token of a form that works once."""
    found = re.search(r'name="once" value="([^"]+)"', admin.get(page).content.decode())
    assert found
    return found.group(1)


def send(admin: Client, key: APIKey, page: str, **values: str) -> Any:
    """Sends the form of a page that was opened just now."""
    return admin.post(path(key, page), {"known_epoch": APIKey.objects.get(pk=key.pk).epoch, **values})


def issue(admin: Client, **values: str) -> Any:
    return admin.post(f"{LIST}add/", {**ISSUE, "once": token(admin, f"{LIST}add/"), **values})


def secrets_in(response: Any) -> list[str]:
    return sorted(set(re.findall(r"lk_[0-9a-z]{12}:lks_[0-9A-Za-z]{49}", response.content.decode())))


def test_issued_key_is_shown_once_and_works(admin: Client, anonymous: Caller) -> None:
    response = issue(admin)
    (credential,) = secrets_in(response)
    assert "no-store" in response["Cache-Control"]
    assert f"LATCHKEY_API_KEY={credential}" in response.content.decode()
    key = APIKey.objects.get()
    assert (key.label, key.owner, key.scopes) == ("billing", "payments", ["orders:read", "orders:write"])
    assert (key.rate_limit, key.metadata) == ({"burst": 5, "per_seconds": 60}, {"team": 7})
    assert key.expires_at
    assert abs(key.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)
    assert Caller(credential).get("/v1/whoami").status_code == 200
    assert Event.objects.get(type="KeyIssued").actor == "user:ada"


def test_key_that_only_verifies_comes_with_a_hint_about_its_limit(admin: Client) -> None:
    hint = "50 requests per second that is 1000 per 10 s"
    assert hint in issue(admin, scopes="verify", burst="60").content.decode()
    assert hint not in issue(admin, scopes="verify", burst="61").content.decode(), "a limit of one's own choice"
    assert hint not in issue(admin, scopes="orders:read", burst="60").content.decode()


def test_secret_is_in_no_other_page_nor_in_what_is_kept(admin: Client, caplog: pytest.LogCaptureFixture) -> None:
    (credential,) = secrets_in(issue(admin))
    secret, key = credential.partition(":")[2], APIKey.objects.get()
    shown = [admin.get(page).content.decode() for page in ("/admin/", LIST, *(path(key, name) for name in PAGES))]
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    told = [event.data_json for event in Event.objects.all()]
    assert shown
    assert kept
    for text in (*shown, *kept, *told, str(admin.cookies), caplog.text):
        assert secret not in text
        assert secret[4:30] not in text


def test_form_that_is_sent_again_does_nothing_and_shows_nothing(admin: Client) -> None:
    once = token(admin, f"{LIST}add/")
    first = issue(admin, once=once)
    again = issue(admin, once=once)
    assert (len(secrets_in(first)), again.status_code, secrets_in(again)) == (1, 409, [])
    assert APIKey.objects.count() == 1
    assert issue(admin, once="forged").status_code == 409


def test_refused_form_can_be_mended_and_sent(admin: Client) -> None:
    once = token(admin, f"{LIST}add/")
    refused = issue(admin, once=once, scopes="NO", burst="x", metadata='{"a": NaN}')
    assert refused.status_code == 200
    assert {"burst", "metadata"} <= set(refused.context["form"].errors)
    refused = issue(admin, once=once, scopes="NO")
    assert set(refused.context["form"].errors) == {"scopes"}
    assert APIKey.objects.count() == 0
    assert len(secrets_in(issue(admin, once=once))) == 1


def test_unlimited_is_said_in_so_many_words(admin: Client) -> None:
    assert issue(admin, burst="", per_seconds="").status_code == 200
    assert issue(admin, unlimited="on").context["form"].errors == {"unlimited": ["Give a limit or none, not both."]}
    assert APIKey.objects.count() == 0
    issue(admin, burst="", per_seconds="", unlimited="on", lifetime_days="0")
    key = APIKey.objects.get()
    assert (key.rate_limit, key.expires_at) == (None, None)


def rotate(admin: Client, key: APIKey, grace: str = "86400", once: str | None = None) -> Any:
    return send(admin, key, "rotate", grace_seconds=grace, once=once or token(admin, path(key, "rotate")))


@pytest.mark.django_db(transaction=True)
def test_rotation_is_guided_to_its_end(admin: Client, root: IssuedKey) -> None:
    old, once = root.credential.reveal(), token(admin, path(root.key, "rotate"))
    (new,) = secrets_in(rotate(admin, root.key, once=once))
    assert rotate(admin, root.key, once=once).status_code == 409
    assert [Caller(credential).get("/v1/whoami").status_code for credential in (old, new)] == [200, 200]
    page = admin.get(path(root.key)).content.decode()
    assert "Rotation under way" in page
    assert "Not ready to finish" in admin.get(path(root.key, "drain")).content.decode()
    asked = send(admin, root.key, "finish")
    assert "used within the last hour" in str(asked.context["form"].errors)
    assert KeySecret.objects.count() == 2
    assert send(admin, root.key, "finish", anyway="on").status_code == 302
    assert [Caller(credential).get("/v1/whoami").status_code for credential in (old, new)] == [401, 200]


def test_unused_secret_does_not_replace_the_old_one_unasked(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    hours_ago = timezone.now() - timedelta(hours=5)
    Usage.objects.create(key=root.key, step="hour", start=step_start(UsageStep.HOUR, hours_ago), allowed=1234)
    KeySecret.objects.filter(state="retiring").update(last_used_at=hours_ago)
    shown = admin.get(path(root.key)).content.decode() + admin.get(path(root.key, "drain")).content.decode()
    assert (shown.count("Not ready to finish"), shown.count("Ready to finish")) == (2, 0)
    page = admin.get(path(root.key, "finish")).content.decode()
    for told in ("The new secret has never been used", "5 hours ago", "1,234, none of them with the new secret"):
        assert told in page
    asked = send(admin, root.key, "finish")
    assert "has never been used. Confirm" in str(asked.context["form"].errors)
    assert KeySecret.objects.count() == 2
    send(admin, root.key, "finish", anyway="on")
    assert KeySecret.objects.count() == 1


def test_drained_rotation_is_finished_without_asking_again(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    KeySecret.objects.filter(state="active").update(
        first_used_at=timezone.now() - timedelta(hours=1), last_used_at=timezone.now()
    )
    assert "Ready to finish" in admin.get(path(root.key, "drain")).content.decode()
    assert "anyway" not in admin.get(path(root.key, "finish")).context["form"].fields
    assert send(admin, root.key, "finish").status_code == 302
    assert KeySecret.objects.count() == 1


def test_second_rotation_is_refused_and_can_end_all(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    refused = rotate(admin, root.key)
    assert (refused.status_code, secrets_in(refused)) == (200, [])
    assert "still retiring" in str(refused.context["form"].errors)
    assert len(secrets_in(rotate(admin, root.key, grace="0"))) == 1
    assert KeySecret.objects.count() == 1


def test_limit_state_and_end_are_changed_by_the_user(admin: Client, root: IssuedKey) -> None:
    send(admin, root.key, "limit", burst="7", per_seconds="7")
    send(admin, root.key, "enable", enabled="no")
    send(admin, root.key, "enable", enabled="no")
    send(admin, root.key, "enable", enabled="yes")
    assert send(admin, root.key, "revoke").status_code == 200
    assert APIKey.objects.get().revoked_at is None
    send(admin, root.key, "revoke", confirm="on")
    told = [(event.type, event.actor) for event in Event.objects.order_by("id")][1:]
    assert told == [(name, "user:ada") for name in ("RateLimitChanged", "KeyDisabled", "KeyEnabled", "KeyRevoked")]
    for page in ("rotate", "limit", "enable", "revoke"):
        assert admin.get(path(root.key, page)).status_code == 302, "nothing is done to a revoked key"


def test_edit_goes_through_the_service(admin: Client, root: IssuedKey) -> None:
    assert admin.post(path(root.key), {**EDIT, "label": "new"}).status_code == 302
    assert (APIKey.objects.get().label, Event.objects.last().type) == ("new", "KeyUpdated")  # type: ignore[union-attr]
    stale = admin.post(path(root.key), {**EDIT, "label": "newer"})
    text = stale.content.decode()
    assert f"{root.key.key_id} was changed by user:ada at " in text
    assert "<dt>Label</dt><dd><code>newer</code></dd>" in text, "what was typed is still there"
    assert 'value="new"' in text, "the form is that of the key as it is now"
    assert 'name="known_epoch" value="2"' in text
    wrong = admin.post(path(root.key), {**EDIT, "known_epoch": "2", "scopes": '["NO"]', "metadata": '{"a": 1, "a": 2}'})
    assert set(wrong.context["form"].errors) == {"scopes", "metadata"}
    assert APIKey.objects.get().label == "new"


FORMS = {
    "limit": {"burst": "7", "per_seconds": "9"},
    "rotate": {"grace_seconds": "0"},
    "finish": {"anyway": "on"},
    "enable": {"enabled": "no"},
    "revoke": {"confirm": "on"},
}


@pytest.mark.parametrize("page", FORMS)
@pytest.mark.parametrize("sent", [{"known_epoch": "2"}, {"known_epoch": "x"}, {}])
def test_page_of_an_earlier_state_does_nothing(
    admin: Client, root: IssuedKey, service: ConfigService, page: str, sent: dict[str, str]
) -> None:
    service.rotate(root.key.key_id, {"grace_seconds": 3600})
    form = {**FORMS[page], "once": token(admin, path(root.key, "rotate"))}
    assert 'name="known_epoch" value="2"' in admin.get(path(root.key, page)).content.decode()
    service.finish_rotation(root.key.key_id)
    service.rotate(root.key.key_id, {"grace_seconds": 3600})
    before, secrets = APIKey.objects.get(), list(KeySecret.objects.values_list("pk", "state"))
    refused = admin.post(path(root.key, page), {**form, **sent})
    text = refused.content.decode()
    assert refused.status_code == 409
    assert f"{root.key.key_id} was changed by command:test at " in text
    assert secrets_in(refused) == []
    assert (APIKey.objects.get().epoch, list(KeySecret.objects.values_list("pk", "state"))) == (before.epoch, secrets)
    assert 'name="known_epoch" value="4"' in text, "it can be sent again, once it was looked at"
    assert ('value="7"' in text) is (page == "limit"), "what was typed is kept"
    assert " checked" not in text, "what was confirmed is not"


def test_change_between_the_look_and_the_lock_is_seen(
    admin: Client, root: IssuedKey, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = LimitView.act

    def changed_first(view: LimitView, writer: ConfigService, values: dict[str, Any]) -> Any:
        service.update(root.key.key_id, {"rate_limit": {"burst": 1, "per_seconds": 60}})
        return act(view, writer, values)

    monkeypatch.setattr(LimitView, "act", changed_first)
    refused = send(admin, root.key, "limit", burst="7", per_seconds="7")
    assert refused.status_code == 409
    assert APIKey.objects.get().burst == 1
    assert "now: 1 at once" in refused.content.decode()


def test_bulk_preview_of_an_earlier_state_does_nothing(admin: Client, service: ConfigService) -> None:
    keys = [service.issue({"label": f"k{number}"}).key for number in range(2)]
    chosen = {"_selected_action": [key.key_id for key in keys]}
    preview = admin.post(LIST, {**chosen, "action": "limit"}).content.decode()
    assert all(f'name="known_epoch_{key.key_id}" value="1"' in preview for key in keys)
    known = {f"known_epoch_{key.key_id}": "1" for key in keys}
    service.update(keys[0].key_id, {"rate_limit": {"burst": 1, "per_seconds": 60}})
    for action, form in (("limit", FORMS["limit"]), ("revoke", FORMS["revoke"])):
        refused = admin.post(LIST, {**chosen, **known, **form, "action": action, "confirmed": "yes"})
        text = refused.content.decode()
        assert f"{keys[0].key_id} was changed by command:test at " in text
        assert f"{keys[1].key_id} was changed" not in text
        assert 'value="2"' in text
        assert " checked" not in text
    assert [key.burst for key in APIKey.objects.order_by("pk")] == [1, 60]
    assert not APIKey.objects.exclude(revoked_at=None).exists()


def test_bulk_shows_first_and_then_acts(admin: Client, root: IssuedKey, service: ConfigService) -> None:
    others = [service.issue({"label": f"k{number}"}).key for number in range(3)]
    service.revoke(others[2].key_id)
    chosen = {"_selected_action": [key.key_id for key in others], "action": "limit"}
    preview = admin.post(LIST, chosen).content.decode()
    assert "60 at once, then one each second" in preview
    assert others[2].key_id not in preview
    chosen |= {f"known_epoch_{key.key_id}": [str(key.epoch)] for key in others}
    admin.post(LIST, {**chosen, "confirmed": "yes", "burst": "9", "per_seconds": "0"})
    assert APIKey.objects.filter(burst=9).count() == 0
    admin.post(LIST, {**chosen, "confirmed": "yes", "burst": "9", "per_seconds": "9"})
    assert set(APIKey.objects.filter(burst=9)) == set(others[:2])
    chosen |= {f"known_epoch_{key.key_id}": [str(key.epoch + 1)] for key in others}
    admin.post(LIST, {**chosen, "action": "revoke", "confirmed": "yes"})
    assert APIKey.objects.filter(revoked_at=None).count() == 3, "it was not confirmed"
    admin.post(LIST, {**chosen, "action": "revoke", "confirmed": "yes", "confirm": "on"})
    assert list(APIKey.objects.filter(revoked_at=None)) == [root.key]


BULK = LIST + "?q=root&filter=active&cursor="


def test_bulk_that_the_database_stops_halfway_says_how_far_it_came(
    admin: Client, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [service.issue({"label": f"k{number}"}).key for number in range(3)]
    revoke, seen = ConfigService.revoke, list[str]()

    def locked(self: ConfigService, key_id: str) -> APIKey:
        if seen:
            raise OperationalError("x") from LockNotAvailable("x")
        seen.append(key_id)
        return revoke(self, key_id)

    monkeypatch.setattr(ConfigService, "revoke", locked)
    chosen = {"_selected_action": [key.key_id for key in keys], "action": "revoke", "confirmed": "yes", "confirm": "on"}
    known = {f"known_epoch_{key.key_id}": "1" for key in keys}
    page = admin.post(LIST, {**chosen, **known}, follow=True).content.decode()
    assert "1 key changed." in page
    assert "The database takes no changes now: 2 keys are as before." in page
    assert timed_out_recently()
    assert list(APIKey.objects.exclude(revoked_at=None).values_list("key_id", flat=True)) == seen


def test_bulk_keeps_search_filter_and_page(admin: Client, root: IssuedKey) -> None:
    """Whatever comes of it: nothing chosen, cancelled, refused, done."""
    chosen = {"_selected_action": [root.key.key_id], "action": "limit"}
    form = {**chosen, "confirmed": "yes", "burst": "9", "per_seconds": "9", f"known_epoch_{root.key.key_id}": "1"}
    for refused in ({"action": "limit"}, {**chosen, "action": ""}, {**chosen, "_selected_action": ["x"] * 501}):
        assert admin.post(BULK, refused)["Location"] == BULK
    preview = admin.post(BULK, chosen).content.decode()
    assert f'<a href="{escape(BULK)}">' in preview
    assert '<form method="post">' in preview, "the form goes to the address that it came from"
    assert admin.post(BULK, {**form, "burst": "0"}).status_code == 200
    assert admin.post(BULK, form)["Location"] == BULK
    assert APIKey.objects.get().rate_limit == {"burst": 9, "per_seconds": 9}


def test_too_many_keys_are_refused_and_none_is_left_out(admin: Client, root: IssuedKey) -> None:
    chosen = {"_selected_action": [root.key.key_id] * 501, "action": "revoke", "confirmed": "yes", "confirm": "on"}
    assert "At most 500 keys at a time" in admin.post(LIST, chosen, follow=True).content.decode()
    assert APIKey.objects.get().revoked_at is None


def test_no_action_is_chosen_beforehand(admin: Client, root: IssuedKey) -> None:
    for page in (LIST, "/admin/health/waiver/", "/admin/events/webhookendpoint/", "/admin/auth/user/"):
        chosen = re.search(r'name="action".*?</select>', admin.get(page).content.decode(), re.DOTALL)
        if chosen is not None:
            assert re.findall(r'<option value="([^"]*)"', chosen[0])[0] == "", page
            assert re.findall(r'<option value="([^"]+)" selected', chosen[0]) == [], page
    for page in ("revoke", "finish"):
        assert " checked" not in admin.get(path(root.key, page)).content.decode()


def test_list_pages_searches_and_filters(admin: Client, service: ConfigService) -> None:
    for number in range(60):
        service.issue(
            {"label": f"worker {number:02}", "rate_limit": None if number == 7 else {"burst": 5, "per_seconds": 5}}
        )

    def labels(query: str) -> list[str]:
        return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', admin.get(LIST + query).content.decode())

    first = admin.get(LIST)
    assert len(labels("")) == 50
    assert labels(f"?cursor={first.context['next']}") == [f"worker {number:02}" for number in range(9, -1, -1)]
    assert labels("?q=WORK%2042") == ["worker 42"]
    assert labels("?filter=unlimited") == ["worker 07"]
    assert labels("?q=worker&filter=revoked") == []
    assert len(labels("?cursor=nonsense")) == 50
    assert len(labels("?filter=nonsense")) == 50


@pytest.mark.parametrize("page", ["/admin/", LIST, LIST + "?q=worker", "key"])
def test_number_of_queries_does_not_grow_with_keys(
    admin: Client, service: ConfigService, page: str, django_assert_max_num_queries: Any
) -> None:
    def count() -> int:
        with django_assert_max_num_queries(60) as queries:
            assert admin.get(page if page != "key" else path(APIKey.objects.latest("pk"))).status_code == 200
        return len(queries)

    service.issue({"label": "worker", "rate_limit": None})
    few = count()
    for number in range(30):
        key = service.issue({"label": f"worker {number}", "rate_limit": None}).key
        service.rotate(key.key_id)
    assert count() <= few + 2


@pytest.mark.parametrize("permission", ["view_apikey", None])
def test_without_the_permission_nothing_is_done(client: Client, root: IssuedKey, permission: str | None) -> None:
    user = User.objects.create_user("vi", is_staff=True)
    if permission:
        user.user_permissions.add(Permission.objects.get(codename=permission))
    client.force_login(user)
    seen = 200 if permission else 403
    assert [client.get(LIST).status_code, client.get(path(root.key)).status_code] == [seen, seen]
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}add/", ISSUE).status_code == 403
    for page in ("rotate", "finish", "drain", "limit", "enable", "revoke"):
        assert client.get(path(root.key, page)).status_code == 403
        assert client.post(path(root.key, page), {"confirm": "on", "enabled": "no", "burst": "1"}).status_code == 403
    client.post(path(root.key), {**EDIT, "label": "new"})
    chosen = {"action": "revoke", "_selected_action": [root.key.key_id], "confirmed": "yes", "confirm": "on"}
    assert client.post(LIST, chosen).status_code == 403
    assert client.post(path(root.key, "delete"), {"post": "yes"}).status_code == 403
    assert Event.objects.count() == 1


def test_pages_of_unknown_keys_are_404(admin: Client) -> None:
    chosen = {"_selected_action": ["9" * 30, "x", "٣", "-1"], "action": "revoke"}
    assert admin.post(LIST, chosen).status_code == 302
    assert admin.get(f"{LIST}{'9' * 30}/change/").status_code == 404
    for page in PAGES:
        assert admin.get(f"{LIST}999999/{page}/").status_code == 404
    assert admin.get(f"{LIST}x/change/").status_code == 404


def test_live_use_is_read_from_the_store(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    assert admin.post(path(root.key, "drain"), {}).status_code == 405
    assert "never used" in admin.get(path(root.key, "drain")).content.decode()
    for slot in (0, 1):
        default_limiter().take(root.key.key_id, None, cost=1, epoch=2, slot=slot)
    assert "never" not in admin.get(path(root.key, "drain")).content.decode()


def test_what_is_written_into_a_key_is_text_on_every_page(admin: Client, service: ConfigService) -> None:
    mark = "<img src=x>'\""
    key = service.issue({"label": f"label{mark}", "owner": f"owner{mark}", "metadata": {"m": mark}}).key
    event = Event.objects.get(type="KeyIssued")
    pages = ("/admin/", LIST, *(path(key, name) for name in PAGES), f"/admin/events/event/{event.pk}/change/")
    shown = "".join(admin.get(page, follow=True).content.decode() for page in pages)
    assert "<img src=x>" not in shown
    assert "label&lt;img src=x&gt;" in shown
    assert "owner&lt;img src=x&gt;" in shown
