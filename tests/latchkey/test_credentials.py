import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.credentials import (
    ALPHABET,
    AmbiguousCredential,
    Credential,
    MalformedCredential,
    MissingCredential,
    checksum,
    credential_from_headers,
    generate_key_id,
    generate_secret,
    parse_credential,
)

RANDOM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
GOOD = f"lk_abcdefghij01:lks_{RANDOM}{checksum(RANDOM)}"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_checksum_is_crc32_in_base62_most_significant_first() -> None:
    import zlib

    number = zlib.crc32(b"0" * 43)
    value = 0
    for character in checksum("0" * 43):
        value = value * 62 + ALPHABET.index(character)
    assert value == number
    assert len(checksum("0" * 43)) == 6


def test_generated_credentials_have_the_public_shape() -> None:
    key_ids = {generate_key_id() for _ in range(50)}
    secrets = {generate_secret() for _ in range(50)}
    assert len(key_ids) == len(secrets) == 50
    for key_id, secret in zip(key_ids, secrets, strict=True):
        assert re.fullmatch(r"lk_[0-9a-z]{12}", key_id)
        assert re.fullmatch(r"lks_[0-9A-Za-z]{49}", secret)
        assert parse_credential(f"{key_id}:{secret}") == Credential(key_id, secret)


@given(st.integers(0, 48), st.sampled_from(ALPHABET))
def test_one_mistyped_character_is_found_by_the_checksum(position: int, character: str) -> None:
    start = GOOD.index("lks_") + 4 + position
    mistyped = GOOD[:start] + character + GOOD[start + 1 :]
    if mistyped == GOOD:
        return
    with pytest.raises(MalformedCredential):
        parse_credential(mistyped)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "lk_abcdefghij01",
        GOOD + "x",
        GOOD[:-1],
        " " + GOOD,
        GOOD + "\n",
        GOOD.upper(),
        GOOD.replace("lk_", "xk_"),
    ],
)
def test_other_shapes_are_malformed(text: str) -> None:
    with pytest.raises(MalformedCredential):
        parse_credential(text)


def test_repr_and_errors_show_no_secret() -> None:
    credential = parse_credential(GOOD)
    assert "lks_" not in repr(credential)
    with pytest.raises(MalformedCredential) as caught:
        parse_credential(GOOD[:-1])
    assert "lks_" not in str(caught.value)


@pytest.mark.parametrize(
    ("api_key", "authorization"),
    [
        (GOOD, None),
        (None, f"Bearer {GOOD}"),
        (None, f"bearer  {GOOD}"),
        (None, basic(GOOD)),
        (GOOD, f"Bearer {GOOD}"),
        (f"{GOOD},{GOOD}", None),
        (GOOD, "Negotiate abc"),
    ],
)
def test_each_way_to_send_one_credential(api_key: str | None, authorization: str | None) -> None:
    assert credential_from_headers(api_key, authorization).reveal() == GOOD


def test_two_that_differ_are_ambiguous() -> None:
    other = f"lk_abcdefghij02:{GOOD.partition(':')[2]}"
    with pytest.raises(AmbiguousCredential):
        credential_from_headers(GOOD, f"Bearer {other}")
    with pytest.raises(AmbiguousCredential):
        credential_from_headers(f"{GOOD}, {other}", None)


@pytest.mark.parametrize("authorization", [None, "Digest abc", ""])
def test_none_is_missing(authorization: str | None) -> None:
    with pytest.raises(MissingCredential):
        credential_from_headers(None, authorization)


@pytest.mark.parametrize("authorization", ["Basic ???", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Bearer"])
def test_unreadable_authorization_is_malformed(authorization: str) -> None:
    with pytest.raises(MalformedCredential):
        credential_from_headers(None, authorization)
