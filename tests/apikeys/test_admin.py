import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from events.models import Event

pytestmark = pytest.mark.django_db
FORM = {
    "label": "root",
    "owner": "",
    "scopes": '["*"]',
    "metadata": "{}",
    "known_epoch": "1",
    "enabled": "on",
    "expires_at_0": "",
    "expires_at_1": "",
    "rate_limit": '{"burst": 1000, "per_seconds": 60}',
}


def path(key: IssuedKey) -> str:
    return f"/admin/apikeys/apikey/{key.key.pk}/change/"


def test_change_goes_through_the_service_with_the_user_as_actor(admin: Client, root: IssuedKey) -> None:
    response = admin.post(path(root), {**FORM, "label": "new", "rate_limit": '{"burst": 7, "per_seconds": 7}'})
    assert response.status_code == 302
    key = APIKey.objects.get()
    assert (key.label, key.rate_limit, key.epoch) == ("new", {"burst": 7, "per_seconds": 7}, 2)
    assert list(Event.objects.values_list("type", "actor"))[1:] == [
        ("RateLimitChanged", "user:ada"),
        ("KeyUpdated", "user:ada"),
    ]


def test_rules_of_the_service_hold_in_the_form(admin: Client, root: IssuedKey) -> None:
    response = admin.post(
        path(root), {**FORM, "scopes": '["NO"]', "expires_at_0": "2001-01-01", "expires_at_1": "00:00:00"}
    )
    assert response.status_code == 200
    assert set(response.context["adminform"].form.errors) == {"scopes", "expires_at"}
    assert Event.objects.count() == 1


def test_revoke_by_action_and_nothing_after(admin: Client, root: IssuedKey) -> None:
    chosen = {"action": "revoke", "_selected_action": [root.key.pk]}
    page = admin.post("/admin/apikeys/apikey/", chosen).content.decode()
    assert "cannot be undone" in page
    assert root.key.key_id in page
    assert APIKey.objects.get().revoked_at is None
    admin.post("/admin/apikeys/apikey/", {**chosen, "confirmed": "yes"})
    assert APIKey.objects.get().revoked_at is not None
    assert admin.post(path(root), {**FORM, "label": "new"}).status_code == 403
    assert Event.objects.count() == 2


@pytest.mark.parametrize("where", ["add/", "{}/delete/"])
def test_keys_are_neither_made_nor_deleted_around_the_service(admin: Client, root: IssuedKey, where: str) -> None:
    assert admin.post(f"/admin/apikeys/apikey/{where.format(root.key.pk)}", {"post": "yes"}).status_code == 403
    assert APIKey.objects.count() == 1


def test_pages_show_no_digest(admin: Client, root: IssuedKey, service: ConfigService) -> None:
    digest = bytes(root.key.secrets.get().digest).hex()
    for page in ("/admin/", "/admin/apikeys/apikey/", path(root)):
        text = admin.get(page).content.decode()
        assert "lks_" not in text
        assert digest not in text


def test_a_viewer_changes_nothing(client: Client, root: IssuedKey) -> None:
    viewer = User.objects.create_user("vi", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client.force_login(viewer)
    assert client.get(path(root)).status_code == 200
    assert client.post(path(root), {**FORM, "label": "new"}).status_code == 403
    chosen = {"action": "revoke", "_selected_action": [root.key.pk], "confirmed": "yes"}
    client.post("/admin/apikeys/apikey/", chosen)
    assert APIKey.objects.get().revoked_at is None


@pytest.mark.parametrize(
    "metadata", ['{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', "[]", '"x"']
)
def test_metadata_is_strict_json(admin: Client, root: IssuedKey, metadata: str) -> None:
    response = admin.post(path(root), {**FORM, "metadata": metadata})
    assert response.status_code == 200
    assert "metadata" in response.context["adminform"].form.errors


def test_a_page_that_was_loaded_before_another_change_changes_nothing(
    admin: Client, root: IssuedKey, service: ConfigService
) -> None:
    service.update(root.key.key_id, {"enabled": False})
    response = admin.post(path(root), {**FORM, "label": "new"})
    assert response.status_code == 200
    assert "was changed since" in str(response.context["adminform"].form.errors)
    key = APIKey.objects.get()
    assert (key.enabled, key.label) == (False, "root")


@pytest.mark.parametrize("rate_limit", ["", None])
def test_an_emptied_box_lifts_no_limit(admin: Client, root: IssuedKey, rate_limit: str | None) -> None:
    form = {name: value for name, value in {**FORM, "rate_limit": rate_limit}.items() if value is not None}
    assert admin.post(path(root), form).status_code == 200
    assert APIKey.objects.get().rate_limit is not None
    assert admin.post(path(root), {**FORM, "rate_limit": "null"}).status_code == 302
    assert APIKey.objects.get().rate_limit is None
