"""What is kept of a response: its beginning, without secrets."""

from urllib.parse import quote

import pytest

from events.webhooks.response_excerpt import MAX_CHARACTERS, excerpt

SECRET = "q83vAf/+" * 5 + "q83="


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"", ""),
        (b"accepted", "accepted"),
        ("gr\u00fc\u00dfe".encode(), "gr\u00fc\u00dfe"),
        (b"\xff\x00", "\ufffd\ufffd"),
        ("a\tb\r\n\x1b[2J\x9b2J\u202ec".encode(), "a\tb\r\n\ufffd[2J\ufffd2J\ufffdc"),
        (f"your secret is {SECRET}!".encode(), "your secret is [redacted]!"),
        (f'{{"s":"{SECRET}"}}'.replace("/", "\\/").encode(), '{"s":"[redacted]"}'),
        (SECRET.replace("+", "\\u002B").replace("=", "\\u003d").encode(), "[redacted]"),
        (SECRET.replace("+", "\\\\u002b").replace("/", "\\\\/").encode(), "[redacted]"),
        (quote(SECRET, safe="").encode(), "[redacted]"),
        (SECRET.replace("+", "&#43;").replace("=", "&#x3D;").encode(), "[redacted]"),
        (b"whsec_q83vAf/+q83vAf/+", "whsec_[redacted]"),
        (b"lk_0123456789ab:lks_abcdef0123456789", "lk_0123456789ab:lks_[redacted]"),
        (b"password=hunter2", "password=[redacted]"),
    ],
)
def test_secrets_are_left_out(body: bytes, kept: str) -> None:
    assert excerpt(body, [SECRET]) == kept


def test_excerpt_is_bounded_and_ends_within_no_secret() -> None:
    assert excerpt(b"x" * 5000, []) == "x" * MAX_CHARACTERS
    at_the_end = "x" * (MAX_CHARACTERS - 10) + SECRET + "x" * 5000
    assert SECRET[:4] not in excerpt(at_the_end.encode(), [SECRET])
