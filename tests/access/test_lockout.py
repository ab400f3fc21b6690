from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import override_settings

from apikeys.client_address import parse_networks
from events.models import Event
from tests.access.people import PASSWORD, Person

pytestmark = pytest.mark.django_db
LIMIT = 5


def fail(person: Person, times: int = LIMIT, **extra: Any) -> Any:
    for _ in range(times):
        response = person.sign_in(password="wrong", **extra)
    return response


def test_fifth_failure_locks_out_right_password(ada: Person) -> None:
    assert fail(ada, LIMIT - 1).status_code == 200
    assert fail(ada, 1).status_code == 429
    answer = ada.sign_in()
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (429, "900", "no-store")
    assert "15\xa0minutes" in answer.content.decode()
    assert not ada.may_enter()
    locked = Event.objects.get(type="OperatorLockedOut")
    assert (locked.actor, locked.data) == ("system", {"name": "ada", "address": "127.0.0.1"})


def test_lockout_ends_after_duration(ada: Person) -> None:
    fail(ada, LIMIT + 3)
    attempt = AccessAttempt.objects.get()
    assert attempt.failures_since_start == LIMIT
    attempt.attempt_time -= timedelta(minutes=15, seconds=1)
    attempt.save()
    assert ada.sign_in().status_code == 302


def test_success_resets_failures(ada: Person) -> None:
    fail(ada, LIMIT - 1)
    ada.sign_in()
    assert fail(ada, LIMIT - 1).status_code == 200


def test_other_address_and_name_are_not_locked(ada: Person, person: Any) -> None:
    fail(ada)
    assert ada.sign_in(REMOTE_ADDR="192.0.2.9").status_code == 302
    assert person("bob").sign_in().status_code == 302


def test_unknown_name_is_locked_too(ada: Person) -> None:
    known = fail(ada)
    ada.user.username = "nobody"
    unknown = fail(ada)
    assert unknown.content == known.content
    assert unknown.status_code == 429
    assert [event.data["name"] for event in Event.objects.filter(type="OperatorLockedOut")] == ["ada", "unknown"]


def test_api_client_gets_problem(ada: Person) -> None:
    fail(ada)
    answer = ada.sign_in(headers={"accept": "application/json"})
    assert (answer.status_code, answer["Content-Type"]) == (429, "application/problem+json")
    assert answer.json()["violated-policies"] == ["address"]


def test_wrong_code_counts_like_wrong_password(ada: Person) -> None:
    ada.set_up()
    ada.browser.post("/admin/logout/")
    for _ in range(LIMIT):
        answer = ada.sign_in(code="12")
    assert answer.status_code == 429


def test_only_trusted_proxies_set_x_forwarded_for(ada: Person) -> None:
    for host in range(LIMIT):
        answer = ada.sign_in(password="wrong", headers={"x-forwarded-for": f"192.0.2.{host}"})
    assert answer.status_code == 429
    with override_settings(TRUSTED_PROXIES=parse_networks(["127.0.0.1"])):
        assert ada.sign_in(headers={"x-forwarded-for": "192.0.2.1"}).status_code == 302
        assert fail(ada, headers={"x-forwarded-for": "10.9.9.9, 198.51.100.7"}).status_code == 429
        assert ada.sign_in(headers={"x-forwarded-for": "10.1.1.1, 198.51.100.7"}).status_code == 429
    assert Event.objects.filter(type="OperatorLockedOut", data_json__contains='"198.51.100.7"').count() == 1


def test_ipv6_network_is_one_address(ada: Person) -> None:
    for host in range(LIMIT):
        answer = ada.sign_in(password="wrong", REMOTE_ADDR=f"2001:db8::{host:x}")
    assert answer.status_code == 429
    assert ada.sign_in(REMOTE_ADDR="2001:db8:0:1::1").status_code == 302


def test_unknown_address_is_counted_too(ada: Person) -> None:
    assert fail(ada, REMOTE_ADDR="").status_code == 429


def test_typed_text_is_not_stored(ada: Person) -> None:
    secret = "hunter2hunter2"
    for form in ({"username": "ada", "password": secret, "code": secret}, {"username": secret, "password": PASSWORD}):
        ada.browser.post("/admin/login/", form)
    kept = [str(row) for row in AccessAttempt.objects.values()]
    assert len(kept) == 2
    assert not any(secret in row or PASSWORD in row for row in kept)


PASSWORD_PAGE = "/admin/password_change/"
NEW = {"new_password1": "yet another phrase", "new_password2": "yet another phrase"}


@pytest.mark.parametrize(
    ("page", "form", "field"),
    [
        (PASSWORD_PAGE, NEW, "old_password"),
        ("/admin/authenticator/set-up/", {}, "password"),
        ("/admin/authenticator/codes/", {}, "password"),
        ("/admin/authenticator/remove/", {}, "password"),
    ],
)
def test_wrong_proof_counts_like_failed_sign_in(ada: Person, page: str, form: dict[str, str], field: str) -> None:
    ada.sign_in()
    wrong = [ada.browser.post(page, {**form, field: "wrong"}).status_code for _ in range(LIMIT)]
    assert wrong == [200] * (LIMIT - 1) + [429]
    assert ada.browser.post(page, {**form, field: PASSWORD}).status_code == 429
    assert ada.sign_in().status_code == 429
    assert Event.objects.filter(type="OperatorLockedOut").count() == 1
    ada.user.refresh_from_db()
    assert ada.user.check_password(PASSWORD)


@pytest.mark.parametrize("code", ["12", "abcd-efgh-jkmn"], ids=["authenticator", "recovery"])
def test_wrong_code_in_proof_counts_too(ada: Person, code: str) -> None:
    ada.set_up()
    form = {**NEW, "old_password": PASSWORD, "code": code}
    assert [ada.browser.post(PASSWORD_PAGE, form).status_code for _ in range(LIMIT)][-1] == 429
    assert ada.sign_in(code=ada.code()).status_code == 429


def test_password_change_requires_code(ada: Person) -> None:
    ada.set_up()
    form = {**NEW, "old_password": PASSWORD}
    assert "Wrong password or code" in ada.browser.post(PASSWORD_PAGE, form).content.decode()
    assert ada.browser.post(PASSWORD_PAGE, {**form, "code": ada.code()}).status_code == 302
    ada.user.refresh_from_db()
    assert ada.user.check_password(NEW["new_password1"])


def test_invalid_form_is_not_an_attempt(ada: Person) -> None:
    ada.sign_in()
    short = {"old_password": "wrong", "new_password1": "short", "new_password2": "short"}
    assert [ada.browser.post(PASSWORD_PAGE, short).status_code for _ in range(LIMIT + 1)] == [200] * (LIMIT + 1)
    assert not AccessAttempt.objects.exists()
