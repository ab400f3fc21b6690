import base64
import traceback

import pytest

from latchkey import redaction
from latchkey.credentials import generate_key_id, generate_secret
from latchkey.redaction import is_redacted_field, redact, redact_fields


@pytest.mark.parametrize("form", ["{0}", "x{0}y", "key=lk_abc:{0}", '{{"a": "{0}"}}', "lk_abc%3A{0}&x=1", "{0}{0}"])
def test_secret_is_redacted_anywhere(form: str) -> None:
    secret = generate_secret()
    clean = redact(form.format(secret))
    assert secret not in clean
    assert secret[4:20] not in clean


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("form", ["{}:{}", "{}.{}", "{}.{}:"])
def test_basic_token_is_redacted(encode: object, form: str) -> None:
    assert callable(encode)
    token = encode(form.format(generate_key_id(), generate_secret()).encode()).decode()
    assert token[:30] not in redact(f"Authorization: Basic {token}")
    assert token[:30] not in redact(f"saw {token} there")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password=hunter22", "hunter22"),
        ("SECRET_KEY: abcdefghijk", "abcdefghijk"),
        ("'SECRET_PEPPERS': 'p1:0011223344'", "0011223344"),
        ('{\\"password\\": \\"hunter2\\"}', "hunter2"),
        ("SECRET_PEPPERS=p1:aa11,p2:bb22", "bb22"),
        ("postgres://app:s3cr3t@db/x", "s3cr3t"),
        ("Authorization: Bearer something-else", "something-else"),
        ("Cookie: sessionid=abc123", "abc123"),
        ("Cookie: csrftoken=a; sessionid=hunter2", "hunter2"),
        ("Authorization: Token hunter2", "hunter2"),
        ("{'password': b'hunter2'}", "hunter2"),
        ("new_password1=hunter2", "hunter2"),
        ("password=a,hunter2", "hunter2"),
        ("postgres://u:p@hunter2@host/d", "hunter2"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ],
)
def test_named_secrets_are_redacted(text: str, secret: str) -> None:
    assert secret not in redact(text)


def test_key_id_and_plain_text_stay() -> None:
    text = "key lk_0123456789ab was throttled at /v1/keys"
    assert redact(text) == text


def test_traceback_is_cleaned() -> None:
    secret = generate_secret()
    try:
        raise ValueError(f"bad credential {secret}")
    except ValueError:
        assert secret not in redact(traceback.format_exc())


@pytest.fixture
def more_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction._Redacted, "fields", redaction._Redacted.fields)
    redact_fields(["X-Token", "Key"])


@pytest.mark.parametrize(
    "text",
    [
        "X-Token: hunter2 and more",
        "x-token=hunter2",
        "{'HTTP_X_TOKEN': 'hunter2'}",
        "{b'x-token': b'hunter2'}",
        '{"X-Token": "hunter2"}',
        "X-API-Key: hunter2",
        "{'HTTP_X_API_KEY': 'hunter2'}",
        "Key: hunter2",
    ],
)
@pytest.mark.usefixtures("more_fields")
def test_credential_fields_are_redacted(text: str) -> None:
    assert "hunter2" not in redact(text)


def test_our_own_messages_stay() -> None:
    text = "Send it as X-API-Key: key_id:secret, Authorization: Bearer key_id:secret, or curl -u key_id:secret."
    assert redact(text) == text


@pytest.mark.usefixtures("more_fields")
def test_other_words_stay() -> None:
    text = "monkey: george, x-tokens: 4, the key is fine"
    assert redact(text) == text
    assert is_redacted_field("x-token")
    assert is_redacted_field("HTTP_X_TOKEN")
    assert not is_redacted_field("key_id")
