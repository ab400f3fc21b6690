from base64 import b32decode
from types import SimpleNamespace
from typing import Any

import pytest
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from events.models import Event
from tests.access.people import AUTHENTICATOR, PASSWORD, Person, codes_on, key_on, known_state, patience

pytestmark = pytest.mark.django_db


def told() -> list[Any]:
    return [event.data["did"] for event in Event.objects.filter(type="OperatorChanged")]


def test_set_up_requires_password(ada: Person) -> None:
    ada.sign_in()
    page = ada.browser.post(f"{AUTHENTICATOR}set-up/", {"password": "wrong"})
    assert "Wrong password." in page.content.decode()
    assert not TOTPDevice.objects.exists()
    assert ada.browser.get(f"{AUTHENTICATOR}set-up/").status_code == 405


def begin(ada: Person) -> Any:
    """The page that shows a new key."""
    ada.sign_in()
    page = ada.browser.post(f"{AUTHENTICATOR}set-up/", {"password": PASSWORD})
    ada.key = key_on(page)
    return page


def confirm(ada: Person, code: str) -> Any:
    return ada.browser.post(f"{AUTHENTICATOR}confirm/", {"code": code})


def test_right_code_works_after_wrong_first_codes(ada: Person) -> None:
    begin(ada)
    for code in ("", "000000", "12"):
        page = confirm(ada, code)
        assert "That code is wrong or expired" in page.content.decode()
        assert key_on(page) == ada.key
        assert "<path" in page.content.decode().partition('class="qr-code"')[2].partition("</div>")[0]
    assert len(codes_on(confirm(ada, ada.code()))) == 10
    assert confirm(ada, ada.code()).status_code == 302, "nothing waits for a code any more"


def test_other_session_does_not_see_set_up_key(ada: Person) -> None:
    begin(ada)
    elsewhere = Person(ada.user, ada.clock, ada.key)
    elsewhere.sign_in()
    for code in ("000000", elsewhere.code()):
        answer = confirm(elsewhere, code)
        assert (answer.status_code, answer["Location"]) == (302, AUTHENTICATOR)
    assert not TOTPDevice.objects.get().confirmed


def test_set_up_expires_after_ten_minutes(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    now = ada.clock.seconds()
    monkeypatch.setattr("access.authenticator_pages.time", SimpleNamespace(time=lambda: now))
    begin(ada)
    now += 599
    assert key_on(confirm(ada, "000000")) == ada.key
    now += 1
    answer = ada.browser.post(f"{AUTHENTICATOR}confirm/", {"code": ada.code()}, follow=True)
    assert "Start again" in answer.content.decode()
    assert ada.key not in answer.content.decode().replace(" ", "")


def test_wrong_first_codes_are_limited(ada: Person) -> None:
    begin(ada)
    assert [confirm(ada, "000000").status_code for _ in range(10)] == [200] * 9 + [302]
    assert confirm(ada, ada.code()).status_code == 302
    assert not TOTPDevice.objects.get().confirmed


def test_renewal_ends_old_app_codes_and_other_sessions(ada: Person) -> None:
    codes = ada.set_up()
    old, elsewhere = ada.key, Person(ada.user, ada.clock, ada.key)
    elsewhere.sign_in(code=elsewhere.code())
    form = {"password": PASSWORD, "code": ada.code()}
    ada.key = key_on(ada.browser.post(f"{AUTHENTICATOR}set-up/", form))
    assert elsewhere.may_enter(), "the old one works until the new one has shown a code"
    assert codes_on(ada.browser.post(f"{AUTHENTICATOR}confirm/", {"code": ada.code()}))
    assert ada.may_enter()
    assert not elsewhere.may_enter()
    assert Person(ada.user, ada.clock, old).sign_in(code=Person(ada.user, ada.clock, old).code()).status_code == 200
    assert elsewhere.sign_in(code=codes[0]).status_code == 200
    assert told() == ["authenticator set up", "authenticator renewed"]


def test_set_up_ends_sessions_without_code(ada: Person) -> None:
    elsewhere = Person(ada.user, ada.clock)
    elsewhere.sign_in()
    ada.set_up()
    assert not elsewhere.may_enter()


def test_removal_requires_password_and_code(ada: Person) -> None:
    ada.set_up()
    for form in ({"password": PASSWORD}, {"password": PASSWORD, "code": "000000"}, {"code": ada.code()}):
        ada.browser.post(f"{AUTHENTICATOR}remove/", form)
        patience()
    assert TOTPDevice.objects.count() == 1
    ada.browser.post(f"{AUTHENTICATOR}remove/", {"password": PASSWORD, "code": ada.code()})
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()
    assert ada.may_enter()
    assert told() == ["authenticator set up", "authenticator removed"]


def test_required_app_must_be_set_up_first(ada: Person, settings: Any) -> None:
    settings.ADMIN_REQUIRE_TOTP = True
    ada.sign_in()
    for page in ("/admin/", "/admin/events/event/", "/admin/password_change/", "/admin/auth/user/"):
        answer = ada.browser.get(page)
        assert (answer.status_code, answer["Location"]) == (302, AUTHENTICATOR), page
    ada.set_up()
    assert ada.may_enter()
    ada.browser.post(f"{AUTHENTICATOR}remove/", {"password": PASSWORD, "code": ada.code()})
    assert TOTPDevice.objects.count() == 1


def test_sign_out_works_before_required_set_up(ada: Person, settings: Any) -> None:
    settings.ADMIN_REQUIRE_TOTP = True
    ada.sign_in()
    assert ada.browser.post("/admin/logout/").status_code == 200
    assert ada.browser.get(AUTHENTICATOR)["Location"].startswith("/admin/login/")


def test_administrator_resets_app_of_other_user(ada: Person, person: Any) -> None:
    bob = person("bob", "administrator")
    bob.set_up()
    ada.sign_in()
    path = f"/admin/auth/user/{bob.user.pk}/authenticator/"
    assert "make sure that the request comes from bob" in ada.browser.get(path).content.decode()
    known = known_state(ada, path)
    bob.browser.post(f"{AUTHENTICATOR}remove/", {"password": PASSWORD, "code": bob.code()})
    bob.set_up()
    for stale in ("", known):
        assert ada.browser.post(path, {"known_state": stale}).status_code == 409
        assert TOTPDevice.objects.count() == 1
    ada.browser.post(path, {"known_state": known_state(ada, path)})
    assert not TOTPDevice.objects.exists()
    event = Event.objects.filter(type="OperatorChanged").latest("id")
    assert (event.actor, event.data) == ("user:ada", {"subject": "user:bob", "did": "authenticator removed"})


def test_keys_and_codes_are_shown_once(ada: Person, caplog: pytest.LogCaptureFixture) -> None:
    codes = ada.set_up()
    for page in (AUTHENTICATOR, "/admin/", "/admin/auth/user/", f"/admin/auth/user/{ada.user.pk}/change/"):
        assert_absent(ada, codes, ada.browser.get(page).content.decode())
    assert_absent(ada, codes, caplog.text)
    for event in Event.objects.all():
        assert_absent(ada, codes, event.data_json)
    assert_absent(ada, codes, str(dict(ada.browser.session.items())))
    assert_absent(ada, codes, str(list(StaticToken.objects.values())))
    assert ada.browser.get("/admin/otp_totp/totpdevice/").status_code == 404


def assert_absent(person: Person, codes: list[str], text: str) -> None:
    key = b32decode(person.key).hex()
    for secret in (person.key, key, PASSWORD, *codes, *(code.replace("-", "") for code in codes)):
        assert secret.lower() not in text.lower()


@pytest.mark.parametrize("page", ["set-up", "confirm", "codes"])
def test_responses_are_not_cached(ada: Person, page: str) -> None:
    ada.set_up()
    answer = ada.browser.post(f"{AUTHENTICATOR}{page}/", {"password": PASSWORD, "code": ada.code()})
    assert "no-store" in answer["Cache-Control"]
