"""A live secret that is pasted into a form of the admin is rejected, and the page with the error doesn't show it."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from access.one_time_link import begin_link
from apikeys.config_service import IssuedKey
from apikeys.models import APIKey
from health.models import Waiver
from latchkey.secret_detection import REJECTION_MESSAGE
from tests.console.keys.pages import EDIT, ISSUE, LIST, path, token

pytestmark = pytest.mark.django_db
USER = {"username": "eve"}
WAIVER = {
    "guard_rail": "unlimited_key",
    "key_id": "",
    "reason": "x",
    "ends_at_0": "2099-01-01",
    "ends_at_1": "00:00:00",
}


def assert_rejected(page: Any, secret: str) -> None:
    shown = page.content.decode()
    assert page.status_code == 200
    assert REJECTION_MESSAGE in shown
    assert secret not in shown


@pytest.mark.parametrize("field", ["label", "owner", "scopes", "metadata", "burst"])
def test_issue_form(admin: Client, root: IssuedKey, field: str) -> None:
    pasted = root.credential.reveal()
    values = {**ISSUE, field: f'{{"a": "{pasted}"}}' if field == "metadata" else pasted}
    page = admin.post(f"{LIST}add/", {**values, "once": token(admin, f"{LIST}add/")})
    shown = page.content.decode()
    assert page.status_code == 200
    assert root.credential.secret not in shown
    if field != "burst":  # its own rule says more
        assert_rejected(page, root.credential.secret)
    assert APIKey.objects.count() == 1


@pytest.mark.parametrize("field", ["label", "owner", "scopes", "metadata"])
def test_edit_form(admin: Client, root: IssuedKey, field: str) -> None:
    pasted = root.credential.reveal()
    value = {"metadata": f'{{"a": "{pasted}"}}', "scopes": f'["{pasted}"]'}.get(field, pasted)
    assert_rejected(admin.post(path(root.key), {**EDIT, field: value}), root.credential.secret)
    root.key.refresh_from_db()
    assert (root.key.label, root.key.owner, root.key.metadata) == ("root", "", {})


def test_waiver_form(admin: Client, root: IssuedKey) -> None:
    secret = root.credential.secret
    assert_rejected(admin.post("/admin/health/waiver/add/", {**WAIVER, "reason": secret}), secret)
    too_long = admin.post("/admin/health/waiver/add/", {**WAIVER, "key_id": secret})
    assert secret not in too_long.content.decode()
    assert not Waiver.objects.exists()


@pytest.mark.parametrize("field", ["username", "first_name", "last_name", "email"])
def test_users(admin: Client, root: IssuedKey, field: str) -> None:
    eve = User.objects.create_user("eve")
    secret = root.credential.secret
    page = admin.post(f"/admin/auth/user/{eve.pk}/change/", {**USER, field: f"{secret}@a.example"})
    assert_rejected(page, secret)
    assert User.objects.get(pk=eve.pk).username == "eve"


def test_new_user_form(admin: Client, root: IssuedKey) -> None:
    secret = root.credential.secret
    assert_rejected(admin.post("/admin/auth/user/add/", {"username": secret}), secret)
    assert User.objects.count() == 1


def test_password_may_look_like_a_secret(admin: Client, root: IssuedKey) -> None:
    secret = root.credential.secret
    eve = User(username="eve", is_staff=True)
    eve.save()
    code = begin_link(eve).code
    eve.save()
    form = {"code": code, "new_password1": secret, "new_password2": secret}
    assert admin.post("/admin/set-password/", form).status_code == 302
    assert User.objects.get(username="eve").check_password(secret)
    assert secret not in admin.post("/admin/set-password/", {**form, "code": secret}).content.decode()


def test_group_form(admin: Client, root: IssuedKey) -> None:
    before = Group.objects.count()
    assert_rejected(admin.post("/admin/auth/group/add/", {"name": root.credential.secret}), root.credential.secret)
    assert Group.objects.count() == before


@pytest.mark.parametrize(("page", "form"), [("user", {"username": "\u3164"}), ("group", {"name": "\u200b"})])
def test_name_that_looks_empty(admin: Client, page: str, form: dict[str, str]) -> None:
    answer = admin.post(f"/admin/auth/{page}/add/", form)
    assert "Use at least one visible character." in answer.content.decode()


def test_label_that_looks_empty(admin: Client, root: IssuedKey) -> None:
    answer = admin.post(path(root.key), {**EDIT, "label": "\u200b"})
    assert "label must not be empty." in answer.content.decode()
