"""People at the admin, for tests: each with a browser, a password and an authenticator of their own."""

import re
from base64 import b32decode
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.conftest import Clock

PASSWORD = "a long enough pass phrase"
AUTHENTICATOR = "/admin/authenticator/"


def browser() -> Client:
    return Client(headers={"accept": "text/html"})


def key_on(page: Any) -> str:
    """The key that a page shows to be typed."""
    found = re.search(r'class="key">([A-Z2-7 ]+)<', page.content.decode())
    assert found, page.content.decode()
    return found[1].replace(" ", "")


def codes_on(page: Any) -> list[str]:
    """The recovery codes that a page shows."""
    return re.findall(r"<li><code>([a-z0-9-]+)</code>", page.content.decode())


def known_state(one: "Person", page: str) -> str:
    """The state of a user or group in the form that a page shows to somebody."""
    found = re.search(r'name="known_state" value="([0-9a-f]{64})"', one.browser.get(page).content.decode())
    assert found
    return found[1]


def code_on(page: Any) -> str:
    """The code of the one-time link that a page shows."""
    found = re.search(r'value="[^"#]+/admin/set-password/#([^"]+)"', page.content.decode())
    assert found, page.content.decode()
    return found[1]


def patience() -> None:
    """Lets the seconds go by in which a device with failures is closed."""
    for kind in (TOTPDevice, StaticDevice):
        kind.objects.update(throttling_failure_count=0)


@dataclass
class Person:
    """Somebody with an account. `key` is what the authenticator was given."""

    user: User
    clock: Clock
    key: str = ""
    browser: Client = field(default_factory=browser)

    def code(self) -> str:
        """What the authenticator shows once the code that it showed is gone."""
        self.clock.move(30)
        generator = TOTP(b32decode(self.key))
        generator.time = self.clock.seconds()
        return f"{generator.token():06d}"

    def sign_in(self, code: str = "", password: str = PASSWORD, **extra: Any) -> Any:
        """Sends the form of the login page."""
        form = {"username": self.user.username, "password": password, "code": code}
        return self.browser.post("/admin/login/?next=/admin/", form, **extra)

    def set_up(self) -> list[str]:
        """Sets up an authenticator and returns the recovery codes; signs in first where that was not done."""
        if not self.may_enter():
            self.sign_in()
        self.key = key_on(self.browser.post(f"{AUTHENTICATOR}set-up/", {"password": PASSWORD}))
        return codes_on(self.browser.post(f"{AUTHENTICATOR}confirm/", {"code": self.code()}))

    def may_enter(self) -> bool:
        """Whether the admin's first page opens."""
        return bool(self.browser.get("/admin/").status_code == 200)
