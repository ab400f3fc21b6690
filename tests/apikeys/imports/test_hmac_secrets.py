"""IMPORT_HMAC_SECRETS: its form, its system check, and that no text shows it."""

import pytest
from pytest_django import Settings

from apikeys.checks import HMAC_SECRETS_INVALID, check_hmac_secrets
from apikeys.hmac_secrets import parse_hmac_secrets
from latchkey.redaction import redact


def test_secrets_by_name() -> None:
    assert parse_hmac_secrets("") == {}
    assert parse_hmac_secrets("old:6162, a.b-c:00") == {"old": b"ab", "a.b-c": b"\0"}


@pytest.mark.parametrize("text", ["old", "old:", "old:xyz", "old:123", f"{'x' * 21}:61", "a b:61", "old:61,old:62"])
def test_invalid_secrets_are_a_system_check(text: str, settings: Settings) -> None:
    with pytest.raises(ValueError, match=r"must be NAME:HEX|the same name") as caught:
        parse_hmac_secrets(text)
    settings.IMPORT_HMAC_SECRETS = text
    (error,) = check_hmac_secrets()
    assert error.id == HMAC_SECRETS_INVALID
    assert str(caught.value) in error.msg
    assert "xyz" not in error.msg


def test_valid_secrets_pass_the_check(settings: Settings) -> None:
    settings.IMPORT_HMAC_SECRETS = "old:6162"
    assert check_hmac_secrets() == []


@pytest.mark.parametrize("text", ["IMPORT_HMAC_SECRETS=old:616263,b:6465", '{"import_hmac_secrets": "old:616263"}'])
def test_secrets_are_redacted(text: str) -> None:
    assert "6162" not in redact(text)
    assert "[redacted]" in redact(text)
