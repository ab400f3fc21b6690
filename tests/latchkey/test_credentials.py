import base64
import re
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.credential_headers import DEFAULT, parse_credential_headers
from latchkey.credentials import (
    ALPHABET,
    AmbiguousCredential,
    Credential,
    MalformedCredential,
    MissingCredential,
    checksum,
    generate_key_id,
    generate_secret,
    parse_credential,
)

RANDOM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
GOOD = f"lk_abcdefghij01:lks_{RANDOM}{checksum(RANDOM)}"
ONE_TOKEN = GOOD.replace(":", ".")


def credential_from_headers(api_key: str | None, authorization: str | None) -> Credential:
    return DEFAULT.find((api_key, authorization))


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_checksum_is_crc32_in_base62() -> None:
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
        credential = Credential(key_id, secret)
        assert parse_credential(f"{key_id}:{secret}") == parse_credential(f"{key_id}.{secret}") == credential
        assert parse_credential(credential.reveal_as_one_token()) == credential


@given(st.integers(0, 48), st.sampled_from(ALPHABET))
def test_checksum_detects_one_mistyped_character(position: int, character: str) -> None:
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
        GOOD.replace(":", "_"),
        GOOD.replace(":", ".:"),
        ONE_TOKEN + ":",
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
        (ONE_TOKEN, None),
        (None, f"Bearer {ONE_TOKEN}"),
        (None, basic(ONE_TOKEN)),
        (None, basic(f"{ONE_TOKEN}:")),
        (GOOD, f"Bearer {ONE_TOKEN}"),
        (f"{ONE_TOKEN}, {GOOD}", basic(f"{ONE_TOKEN}:")),
        (None, f"Bearer {GOOD}"),
        (None, f"bearer  {GOOD}"),
        (None, basic(GOOD)),
        (GOOD, f"Bearer {GOOD}"),
        (f"{GOOD},{GOOD}", None),
        (GOOD, "Negotiate abc"),
        (f"{GOOD},", None),
        ("", f"Bearer {GOOD}"),
        (" , ", basic(GOOD)),
        (GOOD, "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"),
        (GOOD, "Bearer"),
        (GOOD, basic("alice:pw")),
        (GOOD, "Basic ???"),
        (GOOD, "AWS4-HMAC-SHA256 Credential=A/1/eu/s3/aws4_request, SignedHeaders=host, Signature=0"),
        (GOOD, "bearer x," * 65),
        ("key of another product", f"Bearer {GOOD}"),
        ("," * 30_000, f"Bearer {GOOD}"),
    ],
)
def test_each_way_to_send_one_credential(api_key: str | None, authorization: str | None) -> None:
    assert credential_from_headers(api_key, authorization).reveal() == GOOD


def test_two_that_differ_are_ambiguous() -> None:
    other = f"lk_abcdefghij02:{GOOD.partition(':')[2]}"
    with pytest.raises(AmbiguousCredential):
        credential_from_headers(GOOD, f"Bearer {other}")
    with pytest.raises(AmbiguousCredential):
        credential_from_headers(ONE_TOKEN, f"Bearer {other}")
    with pytest.raises(AmbiguousCredential):
        credential_from_headers(f"{GOOD}, {other}", None)
    with pytest.raises(AmbiguousCredential):
        credential_from_headers(None, f"Bearer {GOOD}, {basic(other)}")


def test_foreign_value_in_same_field_is_ambiguous() -> None:
    """Which of them a proxy on the way looked at is not known."""
    with pytest.raises(AmbiguousCredential):
        credential_from_headers(f"{GOOD}, nonsense", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc")


@pytest.mark.parametrize("api_key", [None, "", " , "])
@pytest.mark.parametrize("authorization", [None, "Digest abc", ""])
def test_none_is_missing(api_key: str | None, authorization: str | None) -> None:
    with pytest.raises(MissingCredential, match="Send it as X-API-Key"):
        credential_from_headers(api_key, authorization)


@pytest.mark.parametrize(
    ("api_key", "authorization"), [(None, "Bearer a.b.c"), ("", basic("alice:pw")), (" , ", "Bearer a.b.c")]
)
def test_foreign_credential_alone_is_malformed(api_key: str | None, authorization: str) -> None:
    with pytest.raises(MalformedCredential, match="send the key as X-API-Key"):
        credential_from_headers(api_key, authorization)


MISTYPED = "has no valid key_id:secret: a character may be missing. Copy the whole credential again."


@pytest.mark.parametrize(
    ("api_key", "authorization", "detail"),
    [
        (GOOD[:-1], None, f"X-API-Key {MISTYPED}"),
        ("nonsense", "Bearer a.b.c", f"X-API-Key {MISTYPED}"),
        (GOOD[:-1], f"Bearer {GOOD[:-2]}", f"X-API-Key {MISTYPED}"),
        (None, f"Bearer {GOOD[:-1]}", f"Authorization {MISTYPED}"),
        (None, f"Bearer {GOOD[3:]}", f"Authorization {MISTYPED}"),
        (None, basic(GOOD[:-1]), f"Authorization {MISTYPED}"),
        (f"Bearer {GOOD}", None, "X-API-Key has a scheme before the key. Send key_id:secret alone."),
        (f"{GOOD[:20]} {GOOD[20:-1]}", None, f"X-API-Key {MISTYPED}"),
    ],
    ids=count(),  # the credential differs from process to process
)
def test_mistyped_credential_names_its_field(api_key: str | None, authorization: str | None, detail: str) -> None:
    with pytest.raises(MalformedCredential) as caught:
        credential_from_headers(api_key, authorization)
    assert str(caught.value) == detail


@pytest.mark.parametrize(
    ("authorization", "fault"),
    [
        (f"Api-Key {GOOD}", "Authorization has the scheme Api-Key."),
        (f"api-key  {GOOD[:-1]}", "Authorization has the scheme Api-Key."),
        (f"Digest a=1, TOKEN {ONE_TOKEN}", "Authorization has the scheme Token."),
        (GOOD, "Authorization has no scheme."),
    ],
    ids=count(),
)
def test_other_scheme_is_named(authorization: str, fault: str) -> None:
    with pytest.raises(MissingCredential) as caught:
        credential_from_headers(None, authorization)
    assert str(caught.value) == f"{fault} Send the key as Bearer, or as X-API-Key."
    with pytest.raises(MissingCredential) as caught:
        parse_credential_headers(["Authorization"]).find([authorization])
    assert str(caught.value) == f"{fault} Send the key as Bearer."


@pytest.mark.parametrize("scheme", ["Mine", GOOD, "Digest"], ids=count())
def test_other_scheme_is_not_repeated(scheme: str) -> None:
    with pytest.raises(MissingCredential) as caught:
        credential_from_headers(None, f"{scheme} {GOOD}")
    assert str(caught.value).startswith("The request has no API key. Send it as X-API-Key: key_id:secret,")


STRAY = {
    f'"{GOOD}"': "quotation marks",
    f"\u201c{GOOD}\u201d": "quotation marks",
    f" {GOOD}": "white space",
    GOOD.replace(":", ": "): "white space",
    f"{GOOD}\n": "a line break",
    f"'{ONE_TOKEN}'": "quotation marks",
    f"{GOOD}\\n": "a line break",
    f"\ufeff{GOOD}": r"a byte order mark \(BOM\)",
    f'\ufeff"{GOOD}"\r\n': r"a byte order mark \(BOM\) and quotation marks and a line break",
}


@pytest.mark.parametrize(("text", "names"), STRAY.items())
def test_stray_characters_are_named(text: str, names: str) -> None:
    with pytest.raises(MalformedCredential, match=f"has {names} around or inside it") as caught:
        parse_credential(text)
    assert "lks_" not in str(caught.value)


@pytest.mark.parametrize("text", [f'"{GOOD}"', f"\ufeff{GOOD}", f"\u201c{GOOD}\u201d"])
def test_stray_characters_in_a_header_are_named(text: str) -> None:
    field = text.encode().decode("latin-1")
    for fields in ((field, None), (None, f"Bearer {field}"), (field, "Bearer a.b.c")):
        with pytest.raises(MalformedCredential, match="around or inside it"):
            credential_from_headers(*fields)


@pytest.mark.parametrize(
    "authorization",
    [
        basic(f"{ONE_TOKEN}:pw"),
        basic(f":{ONE_TOKEN}"),
        "Basic ???",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Bearer",
    ],
)
def test_unreadable_authorization_is_malformed(authorization: str) -> None:
    with pytest.raises(MalformedCredential):
        credential_from_headers(None, authorization)


@pytest.mark.parametrize("value", ["basic A," * 3700, "," * 30_000, "bearer x," * 65])
def test_many_values_are_rejected_unread(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone can send them, and each would be decoded."""
    monkeypatch.setattr(
        "latchkey.credential_headers.base64.b64decode", lambda *_, **__: pytest.fail("it was looked at")
    )
    with pytest.raises(MalformedCredential):
        credential_from_headers(None, value)
    with pytest.raises(MalformedCredential):
        credential_from_headers(value, None)


def test_digest_with_many_parameters_is_ignored() -> None:
    credential = f"{generate_key_id()}:{generate_secret()}"
    digest = "Digest " + ", ".join(f'p{number}="x"' for number in range(12))
    assert credential_from_headers(credential, digest).reveal() == credential


SEVERAL = parse_credential_headers(["X-Token", "Authorization", "Api-Key"])
OTHER = f"lk_abcdefghij02:{GOOD.partition(':')[2]}"


@pytest.mark.parametrize(
    "values",
    [
        (GOOD, None, None),
        (None, f"Bearer {GOOD}", None),
        (None, None, ONE_TOKEN),
        (GOOD, f"Bearer {ONE_TOKEN}", GOOD),
        ("another product's", "Bearer a.b.c", GOOD),
        ("", basic(GOOD), "nonsense"),
    ],
)
def test_each_named_field_is_read(values: tuple[str | None, ...]) -> None:
    assert SEVERAL.find(values).reveal() == GOOD


def test_two_of_several_fields_that_differ_are_ambiguous() -> None:
    for values in ((GOOD, None, OTHER), ("nonsense", f"Bearer {OTHER}", GOOD), (GOOD, basic(OTHER), None)):
        with pytest.raises(AmbiguousCredential):
            SEVERAL.find(values)


def test_scheme_counts_only_in_authorization() -> None:
    with pytest.raises(MalformedCredential):
        SEVERAL.find((f"Bearer {GOOD}", None, None))
    assert parse_credential_headers(["authorization"]).find([f"Bearer {GOOD}"]).reveal() == GOOD


@pytest.mark.parametrize(
    ("names", "ways"),
    [
        (["X-API-Key", "Authorization"], "X-API-Key: key_id:secret, Authorization: Bearer key_id:secret, or curl -u"),
        (["X-Token"], "Send it as X-Token: key_id:secret."),
        (["Authorization"], "Send it as Authorization: Bearer key_id:secret or curl -u key_id:secret."),
        (["X-Token", "Api-Key"], "X-Token: key_id:secret or Api-Key: key_id:secret."),
    ],
)
def test_messages_name_the_fields(names: list[str], ways: str) -> None:
    found = parse_credential_headers(names)
    with pytest.raises(MissingCredential, match=re.escape(ways)):
        found.find([None] * len(names))
    with pytest.raises(MalformedCredential) as caught:
        found.find([None if name != "Authorization" else "Bearer x" for name in names[:-1]] + ["Bearer x"])
    only = names == ["Authorization"]
    assert str(caught.value).startswith("The request has no" if "Authorization" in names else f"{names[-1]} has no")
    assert ("send the key as" in str(caught.value)) is ("Authorization" in names and not only)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "must be 1 to 8 names"),
        (["X_Token"], "must be 1 to 8 names"),
        (["X Token"], "must be 1 to 8 names"),
        (["X-Token-"], "must be 1 to 8 names"),
        (["X-T\u00f6ken"], "must be 1 to 8 names"),
        ([GOOD], "must be 1 to 8 names"),
        ([f"X-{number}0" for number in range(9)], "must be 1 to 8 names"),
        (["X-Token", "x-token"], "names a field twice"),
        *(([name], f"{name} has another meaning") for name in ("Host", "cookie", "X-Request-Id", "Content-Type",
          "X-Forwarded-For", "X-Latchkey-Owner", "Proxy-Authorization", "Accept", "If-Match", "Transfer-Encoding")),
    ],
)  # fmt: skip
def test_invalid_names_are_rejected(names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_credential_headers(names)
    assert "lks_" not in str(caught.value)
