"""Fixtures of the tests of access."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from tests.access.people import PASSWORD, Person
from tests.conftest import Clock

MakePerson = Callable[..., Person]


@pytest.fixture(autouse=True)
def quick_hasher(settings: Any) -> None:
    """Argon2 is slow by design, and no matter of these tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def person(db: None, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> MakePerson:
    """Return a function that makes people. Their authenticator apps and the server follow the test's clock."""
    monkeypatch.setattr("django_otp.plugins.otp_totp.models.time", SimpleNamespace(time=clock.seconds))

    def make(name: str, *roles: str, **fields: Any) -> Person:
        user = User.objects.create_user(name, password=PASSWORD, is_staff=True, **fields)
        user.groups.set(Group.objects.filter(name__in=roles))
        return Person(user, clock)

    return make


@pytest.fixture
def ada(person: MakePerson) -> Person:
    return person("ada", is_superuser=True)
