import time
from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from psycopg.errors import LockNotAvailable
from pytest_django import Settings

from access import session_age
from events import lock_timeout
from events.models import Event
from tests.access.people import Person

IDLE = timedelta(minutes=30)
NOW = 1_800_000_000.0
HOUR = 3600.0


@pytest.mark.parametrize(("seconds", "ended"), [(0, None), (1799, None), (1800, "idle")])
def test_idle_session_ends(seconds: float, ended: str | None) -> None:
    session = SessionStore()
    session_age.begin(session, NOW)
    assert session_age.end_reason(session, NOW + seconds, IDLE) == ended


@pytest.mark.parametrize(("seconds", "ended"), [(12 * HOUR - 1, None), (12 * HOUR, "age")])
def test_use_extends_session_up_to_max_age(seconds: float, ended: str | None) -> None:
    session = SessionStore()
    session_age.begin(session, NOW)
    for used in range(0, int(seconds), 600):
        session_age.record_use(session, NOW + used, IDLE)
    assert session_age.end_reason(session, NOW + seconds, IDLE) == ended


def test_frequent_use_is_not_written() -> None:
    session = SessionStore()
    session_age.begin(session, NOW)
    session.modified = False
    session_age.record_use(session, NOW + 29, IDLE)
    assert not session.modified
    session_age.record_use(session, NOW + 30, IDLE)
    assert session.modified


def test_unstarted_session_starts_now() -> None:
    session = SessionStore()
    assert session_age.end_reason(session, NOW, IDLE) is None
    assert session_age.end_reason(session, NOW + 1800, IDLE) == "idle"


def leave(person: Person, member: str, seconds: float) -> None:
    """Has the person's session be `seconds` older."""
    session = person.browser.session
    session[f"access.{member}_at"] -= seconds
    session.save()


@pytest.mark.django_db
@pytest.mark.parametrize(("member", "seconds", "because"), [("used", 1801, "idle"), ("begun", 12 * HOUR, "age")])
def test_ended_session_is_deleted(ada: Person, member: str, seconds: float, because: str) -> None:
    ada.sign_in()
    key = ada.browser.session.session_key or ""
    leave(ada, member, seconds)
    answer = ada.browser.get("/admin/", follow=True)
    assert "You were signed out" in answer.content.decode()
    assert not SessionStore().exists(key)
    event = Event.objects.latest("id")
    assert (event.type, event.actor, event.data) == ("OperatorSignedOut", "user:ada", {"because": because})


@pytest.mark.django_db
@pytest.mark.parametrize(("fetched", "status"), [("document", 200), ("empty", 302)])
def test_background_request_is_not_use(ada: Person, fetched: str, status: int) -> None:
    ada.sign_in()
    leave(ada, "used", 1700)
    assert ada.browser.get("/admin/", headers={"sec-fetch-dest": fetched}).status_code == 200
    leave(ada, "used", 200)
    assert ada.browser.get("/admin/").status_code == status


@pytest.mark.django_db
def test_new_sign_in_starts_new_session(ada: Person) -> None:
    ada.sign_in()
    leave(ada, "begun", 11 * HOUR)
    ada.sign_in()
    leave(ada, "begun", 2 * HOUR)
    assert ada.may_enter()


@pytest.mark.django_db
def test_page_is_shown_if_use_cannot_be_saved(
    admin: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    admin.get("/admin/")
    later = time.time() + settings.ADMIN_IDLE_TIMEOUT.total_seconds() / 2
    monkeypatch.setattr("access.middleware.time.time", lambda: later)
    saves = list[str]()

    def locked(self: SessionStore, **_: object) -> None:
        saves.append(str(self.session_key))
        raise OperationalError("x") from LockNotAvailable("x")

    with monkeypatch.context() as patched:
        patched.setattr(SessionStore, "save", locked)
        assert [admin.get("/admin/").status_code for _ in range(2)] == [200, 200]
        assert len(saves) == 1, "while changes wait nobody waits with them"
    lock_timeout.reset()
    kept = Session.objects.get().get_decoded()
    assert admin.get("/admin/").status_code == 200
    assert Session.objects.get().get_decoded() != kept
