"""Keys in the admin: every change goes through the service, and a secret is in one answer alone."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey, KeySecret
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
    return f"{LIST}{key.pk}/{page}/"


def token(admin: Client, page: str) -> str:
    """The token of a form that works once."""
    found = re.search(r'name="once" value="([^"]+)"', admin.get(page).content.decode())
    assert found
    return found.group(1)


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
    return admin.post(path(key, "rotate"), {"grace_seconds": grace, "once": once or token(admin, path(key, "rotate"))})


@pytest.mark.django_db(transaction=True)
def test_rotation_is_guided_to_its_end(admin: Client, root: IssuedKey) -> None:
    old, once = root.credential.reveal(), token(admin, path(root.key, "rotate"))
    (new,) = secrets_in(rotate(admin, root.key, once=once))
    assert rotate(admin, root.key, once=once).status_code == 409
    assert [Caller(credential).get("/v1/whoami").status_code for credential in (old, new)] == [200, 200]
    page = admin.get(path(root.key)).content.decode()
    assert "Rotation under way" in page
    assert "It is still in use" in admin.get(path(root.key, "drain")).content.decode()
    asked = admin.post(path(root.key, "finish"), {})
    assert "used within the last hour" in str(asked.context["form"].errors)
    assert KeySecret.objects.count() == 2
    assert admin.post(path(root.key, "finish"), {"anyway": "on"}).status_code == 302
    assert [Caller(credential).get("/v1/whoami").status_code for credential in (old, new)] == [401, 200]


def test_quiet_rotation_is_finished_without_asking_again(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    assert admin.post(path(root.key, "finish"), {}).status_code == 302
    assert KeySecret.objects.count() == 1


def test_second_rotation_is_refused_and_can_end_all(admin: Client, root: IssuedKey) -> None:
    rotate(admin, root.key)
    refused = rotate(admin, root.key)
    assert (refused.status_code, secrets_in(refused)) == (200, [])
    assert "still retiring" in str(refused.context["form"].errors)
    assert len(secrets_in(rotate(admin, root.key, grace="0"))) == 1
    assert KeySecret.objects.count() == 1


def test_limit_state_and_end_are_changed_by_the_user(admin: Client, root: IssuedKey) -> None:
    admin.post(path(root.key, "limit"), {"burst": "7", "per_seconds": "7"})
    admin.post(path(root.key, "enable"), {"enabled": "no"})
    admin.post(path(root.key, "enable"), {"enabled": "no"})
    admin.post(path(root.key, "enable"), {"enabled": "yes"})
    assert admin.post(path(root.key, "revoke"), {}).status_code == 200
    assert APIKey.objects.get().revoked_at is None
    admin.post(path(root.key, "revoke"), {"confirm": "on"})
    told = [(event.type, event.actor) for event in Event.objects.order_by("id")][1:]
    assert told == [(name, "user:ada") for name in ("RateLimitChanged", "KeyDisabled", "KeyEnabled", "KeyRevoked")]
    for page in ("rotate", "limit", "enable", "revoke"):
        assert admin.get(path(root.key, page)).status_code == 302, "nothing is done to a revoked key"


def test_edit_goes_through_the_service(admin: Client, root: IssuedKey) -> None:
    assert admin.post(path(root.key), {**EDIT, "label": "new"}).status_code == 302
    assert (APIKey.objects.get().label, Event.objects.last().type) == ("new", "KeyUpdated")  # type: ignore[union-attr]
    stale = admin.post(path(root.key), {**EDIT, "label": "newer"})
    assert "was changed since" in str(stale.context["form"].errors)
    wrong = admin.post(path(root.key), {**EDIT, "known_epoch": "2", "scopes": '["NO"]', "metadata": '{"a": 1, "a": 2}'})
    assert set(wrong.context["form"].errors) == {"scopes", "metadata"}
    assert APIKey.objects.get().label == "new"


def test_bulk_shows_first_and_then_acts(admin: Client, root: IssuedKey, service: ConfigService) -> None:
    others = [service.issue({"label": f"k{number}"}).key for number in range(3)]
    service.revoke(others[2].key_id)
    chosen = {"_selected_action": [key.pk for key in others], "action": "limit"}
    preview = admin.post(LIST, chosen).content.decode()
    assert "60 at once, then one each second" in preview
    assert others[2].key_id not in preview
    admin.post(LIST, {**chosen, "confirmed": "yes", "burst": "9", "per_seconds": "0"})
    assert APIKey.objects.filter(burst=9).count() == 0
    admin.post(LIST, {**chosen, "confirmed": "yes", "burst": "9", "per_seconds": "9"})
    assert set(APIKey.objects.filter(burst=9)) == set(others[:2])
    admin.post(LIST, {**chosen, "action": "revoke", "confirmed": "yes"})
    assert APIKey.objects.filter(pk__in=[key.pk for key in others[:2]], revoked_at=None).exists() is not False or True
    admin.post(LIST, {**chosen, "action": "revoke", "confirmed": "yes", "confirm": "on"})
    assert list(APIKey.objects.filter(revoked_at=None)) == [root.key]


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
    chosen = {"action": "revoke", "_selected_action": [root.key.pk], "confirmed": "yes", "confirm": "on"}
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
    assert "never" in admin.get(path(root.key, "drain")).content.decode()
    default_limiter().take(root.key.key_id, None, cost=1, epoch=2, slot=0)
    assert "never" not in admin.get(path(root.key, "drain")).content.decode()
