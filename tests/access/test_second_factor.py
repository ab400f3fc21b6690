from typing import Any

import pytest

from events.models import Event
from tests.access.people import AUTHENTICATOR, PASSWORD, Person, browser, codes_on, key_on, patience

pytestmark = pytest.mark.django_db


def factors() -> list[str]:
    return [event.data["second_factor"] for event in Event.objects.filter(type="OperatorSignedIn")]


@pytest.fixture
def wary(ada: Person) -> Person:
    """Return Ada with an authenticator app and a browser that is not signed in."""
    ada.set_up()
    ada.browser = browser()
    return ada


def test_user_with_app_needs_code(wary: Person) -> None:
    assert wary.sign_in().status_code == 200
    assert not wary.may_enter()
    assert wary.sign_in(code=wary.code()).status_code == 302
    assert wary.may_enter()
    assert factors() == ["none", "authenticator"]
    assert Event.objects.filter(type="OperatorChanged").count() == 1


def test_code_may_contain_space(wary: Person) -> None:
    code = wary.code()
    assert wary.sign_in(code=f"{code[:3]} {code[3:]}").status_code == 302


def test_code_works_once(wary: Person) -> None:
    code = wary.code()
    assert wary.sign_in(code=code).status_code == 302
    wary.browser = browser()
    assert wary.sign_in(code=code).status_code == 200
    patience()
    assert wary.sign_in(code=wary.code()).status_code == 302


def test_confirmation_code_does_not_sign_in(ada: Person) -> None:
    ada.sign_in()
    ada.key = key_on(ada.browser.post(f"{AUTHENTICATOR}set-up/", {"password": PASSWORD}))
    code = ada.code()
    ada.browser.post(f"{AUTHENTICATOR}confirm/", {"code": code})
    ada.browser = browser()
    assert ada.sign_in(code=code).status_code == 200


def test_right_code_has_to_wait_after_wrong_one(wary: Person) -> None:
    wary.sign_in(code="000000")
    assert wary.sign_in(code=wary.code()).status_code == 200
    patience()
    assert wary.sign_in(code=wary.code()).status_code == 302


def test_old_code_is_wrong(wary: Person) -> None:
    code = wary.code()
    wary.clock.move(90)
    assert wary.sign_in(code=code).status_code == 200


def test_recovery_code_works_once(ada: Person) -> None:
    codes = ada.set_up()
    assert len(set(codes)) == 10
    for code, status in ((codes[0].upper().replace("-", " "), 302), (codes[0], 200)):
        ada.browser = browser()
        assert ada.sign_in(code=code).status_code == status
    assert ada.sign_in(code=ada.code()).status_code == 302
    assert factors() == ["none", "recovery code", "authenticator"]
    assert "9 recovery codes left" in ada.browser.get(AUTHENTICATOR).content.decode()


@pytest.mark.parametrize("kind", ["authenticator", "recovery code"])
def test_recovery_codes_belong_to_one_user(ada: Person, person: Any, kind: str) -> None:
    codes, bob = ada.set_up(), person("bob")
    bob.set_up()
    bob.browser = browser()
    assert bob.sign_in(code=ada.code() if kind == "authenticator" else codes[0]).status_code == 200


def test_new_recovery_codes_replace_old_ones(ada: Person) -> None:
    old = ada.set_up()
    page = ada.browser.post(f"{AUTHENTICATOR}codes/", {"password": PASSWORD, "code": ada.code()})
    new = codes_on(page)
    assert not set(old) & set(new)
    ada.browser = browser()
    assert ada.sign_in(code=old[0]).status_code == 200
    patience()
    assert ada.sign_in(code=new[0]).status_code == 302
