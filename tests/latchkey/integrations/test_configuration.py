"""Settings of an integration: where they come from, and what is said about a wrong one."""

from itertools import count
from typing import Any, Final

import pytest

from latchkey.credentials import Credential, generate_key_id, generate_secret
from latchkey.integrations.configuration import Configuration, ConfigurationError

OWN = Credential(generate_key_id(), generate_secret())
PASSWORD = "hunter2"
SET = {"LATCHKEY_URL": "http://keys.internal:8000/", "LATCHKEY_API_KEY": OWN.reveal()}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in SET.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_defaults() -> None:
    found = Configuration.read()
    assert (found.url, found.public_url, found.credential) == (*["http://keys.internal:8000"] * 2, OWN)
    assert (found.timeout_seconds, found.max_connections) == (2, 32)
    assert (found.fail_open, found.trust_proxy_identity, found.imported_tokens) == (False, False, False)
    assert OWN.secret not in repr(found)


def test_code_overrides_the_framework_which_overrides_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LATCHKEY_TIMEOUT", "1")
    environment.setenv("LATCHKEY_FAIL_OPEN", "true")
    environment.setenv("LATCHKEY_PUBLIC_URL", "")
    framework = {"LATCHKEY_TIMEOUT": 3, "LATCHKEY_FAIL_OPEN": False, "LATCHKEY_PUBLIC_URL": "https://keys.example"}
    found = Configuration.read(framework.get, timeout=4)
    assert (found.timeout_seconds, found.fail_open, found.public_url) == (4, False, "https://keys.example")
    assert Configuration.read().fail_open is True
    assert Configuration.read(framework.get).timeout_seconds == 3


WRONG: Final = [
    ("LATCHKEY_URL", "", "LATCHKEY_URL is not set. Set it to the address"),
    ("LATCHKEY_URL", f"http://user:{PASSWORD}@keys", "LATCHKEY_URL is invalid: the URL must not contain"),
    ("LATCHKEY_PUBLIC_URL", "keys", "LATCHKEY_PUBLIC_URL is invalid"),
    ("LATCHKEY_API_KEY", "", "LATCHKEY_API_KEY is not set"),
    ("LATCHKEY_API_KEY", f"{OWN.reveal()} ", "LATCHKEY_API_KEY is invalid: The credential has white space"),
    ("LATCHKEY_TIMEOUT", "soon", "LATCHKEY_TIMEOUT must be a number from 0.001 to 60"),
    ("LATCHKEY_TIMEOUT", "nan", "LATCHKEY_TIMEOUT must be a number"),
    ("LATCHKEY_TIMEOUT", "600", "LATCHKEY_TIMEOUT must be a number"),
    ("LATCHKEY_MAX_CONNECTIONS", "0", "LATCHKEY_MAX_CONNECTIONS must be a number from 1 to 10000"),
    ("LATCHKEY_FAIL_OPEN", "maybe", "LATCHKEY_FAIL_OPEN must be true or false"),
    ("LATCHKEY_TRUST_PROXY_IDENTITY", "2", "LATCHKEY_TRUST_PROXY_IDENTITY must be true or false"),
    ("LATCHKEY_IMPORTED_TOKENS", "drf", "LATCHKEY_IMPORTED_TOKENS must be true or false"),
]
"""A setting, an invalid value, and what is said about it: in Node.js too."""


@pytest.mark.parametrize(("name", "value", "message"), WRONG, ids=count())
def test_a_wrong_setting_is_named(environment: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message) as raised:
        Configuration.read()
    assert OWN.secret not in str(raised.value)
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("options", [{"fail_open": "true"}, {"fail_open": 1}, {"fail_open": True}])
def test_a_switch_is_a_boolean_or_its_text(options: Any) -> None:
    assert Configuration.read(**options).fail_open is True
