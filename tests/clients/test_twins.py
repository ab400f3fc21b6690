"""What the clients of Node.js and Go read and decide on their own, they do as `latchkey` in Python does."""

import base64
import re
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latchkey.auth_context import covers
from latchkey.client.address import server_url
from latchkey.credential_headers import DEFAULT
from latchkey.credentials import Credential, CredentialError, generate_key_id, generate_secret
from latchkey.identity import read_identity
from latchkey.imports.shape import is_plausible_token
from latchkey.problem_catalogue import CATALOGUE
from latchkey.redaction import redact_tokens
from latchkey.request_id import is_request_id
from tests.clients.go.apps import GO
from tests.clients.marks import OF_GO, OF_NODE
from tests.clients.node.apps import NODE
from tests.clients.program import Program, ProgramError

TWINS = [pytest.param(NODE, marks=OF_NODE, id="node"), pytest.param(GO, marks=OF_GO, id="go")]
alike = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ONE, OTHER = (Credential(generate_key_id(), generate_secret()).reveal() for _ in range(2))
MISTYPED = ONE[:-1] + ("a" if ONE[-1] != "a" else "b")
TOKEN = "Ab3dEf7h." + "Zy1x" * 8
ONE_TOKEN = ONE.replace(":", ".")
BASIC = base64.b64encode(ONE.encode()).decode()


@pytest.fixture(scope="module", params=TWINS)
def twin(request: pytest.FixtureRequest) -> Program:
    """The process that calls the functions of a client."""
    program: Program = request.param
    return program


def of_python(api_key: str | None, authorization: str | None, imported_tokens: bool = False) -> Any:
    is_token = is_plausible_token if imported_tokens else lambda _text: False
    try:
        return DEFAULT.find([api_key, authorization], is_token).reveal()
    except CredentialError as error:
        return [error.slug, error.detail]


_CREDENTIALS = [ONE, ONE_TOKEN, OTHER, MISTYPED, BASIC, "lks_", "lk_x:lks_y", ":", "x" * 200, TOKEN, "x" * 250]
_SCHEMES = ["Bearer", "bearer", "Basic", "BASIC", "Digest", "Api-Key", "token", "Bearer ", "KEY "]
_STRAY = ["'", '"', " ", "  ", ",", ", ", "," * 70, "\\n", "\t", "\u00a0", "“".encode().decode("latin-1"), "\u00e4"]
_BASE64 = ["=", "==", "YQ==", "YR==", "YQ=", "Y", "/w=="]
PIECES = st.sampled_from([*_CREDENTIALS, *_SCHEMES, *_STRAY, *_BASE64])
FIELDS = st.none() | st.lists(PIECES, max_size=6).map("".join)


@alike
@given(FIELDS, FIELDS, st.booleans())
def test_credential_of_a_request(
    twin: Program, api_key: str | None, authorization: str | None, imported_tokens: bool
) -> None:
    found = twin.call("credential", api_key, authorization, imported_tokens)
    assert found == of_python(api_key, authorization, imported_tokens)


@pytest.mark.parametrize(
    ("api_key", "authorization"),
    [
        (ONE, None),
        (None, f"Bearer {ONE}"),
        (ONE_TOKEN, f"Bearer {ONE}"),
        (None, f"Basic {base64.b64encode(f'{ONE_TOKEN}:'.encode()).decode()}"),
        (None, f"Basic {base64.b64encode(b':').decode()}"),
        (None, f"basic  {BASIC} "),
        (ONE, f"Basic {BASIC}"),
        (ONE, f"Bearer {OTHER}"),
        (ONE, "Bearer a.b.c"),
        (f"{ONE},{ONE}", None),
        (f"{ONE}, {OTHER}", None),
        (MISTYPED, None),
        (f"“{ONE}”".encode().decode("latin-1"), None),
        (f"\ufeff{ONE}".encode().decode("latin-1"), None),
        (f"{ONE}\\n", None),
        (None, f"Bearer {ONE[:30]} {ONE[30:]}"),
        ("," * 64, None),
        ("," * 63, None),
        (None, "Digest a=1, b=2"),
        (ONE[:-1], None),
        (ONE[:-1], "Bearer a.b.c"),
        (f"Bearer {ONE}", None),
        (None, f"Bearer {ONE[:-1]}"),
        (None, f"Basic {base64.b64encode(ONE[:-1].encode()).decode()}"),
        (None, f"API-KEY  {ONE}"),
        (None, f"Digest a=1, Token {ONE[:-1]}"),
        (None, f"Mine {ONE}"),
        (None, ONE),
        (TOKEN, None),
        (None, f"Token {TOKEN}"),
        (TOKEN, f"Token {TOKEN}"),
        (TOKEN, f"Token {TOKEN}x"),
        (None, f"Basic {TOKEN}"),
        (TOKEN[:15], None),
        ("x" * 257, None),
        ("", ""),
    ],
    ids=count(),  # the credentials differ from process to process
)
def test_credential_of_a_request_by_example(twin: Program, api_key: str | None, authorization: str | None) -> None:
    for imported_tokens in (False, True):
        found = twin.call("credential", api_key, authorization, imported_tokens)
        assert found == of_python(api_key, authorization, imported_tokens)


IDENTITIES = st.none() | st.lists(
    st.sampled_from(["lk_0123456789ab", "%C3%A9", "%", "%zz", "%ff", " ", "a:b", "%20", "é", ","]), max_size=4
).map("".join)


@alike
@given(IDENTITIES, IDENTITIES, IDENTITIES)
def test_identity_of_a_proxy(twin: Program, key_id: str | None, owner: str | None, scopes: str | None) -> None:
    found = read_identity(key_id, owner, scopes)
    wanted = found and [found.key_id, found.owner, sorted(found.scopes)]
    assert twin.call("identity", key_id, owner, scopes) == wanted


SCOPES = st.text("ab:*", max_size=7)


@alike
@given(st.lists(SCOPES, max_size=3), SCOPES)
def test_scopes(twin: Program, granted: list[str], required: str) -> None:
    assert twin.call("covers", granted, required) == covers(frozenset(granted), required)


TEXTS = st.lists(
    st.sampled_from(
        [ONE, MISTYPED.partition(":")[2], BASIC, "whsec_" + "A" * 43, "whsec_", "lks_", "bGtf", "/", "a.b"]
    ),
    max_size=3,
).map("".join)


@alike
@given(TEXTS)
def test_secrets_in_texts(twin: Program, text: str) -> None:
    assert twin.call("redactTokens", text) == redact_tokens(text)
    for name in (text, re.sub(r"[^A-Za-z0-9._-]", "", text), text.partition(":")[2]):
        assert twin.call("isRequestId", name) == is_request_id(name)


@pytest.mark.parametrize("text", ["http://a", "https://a.b:8000/x/", " http://[::1]:8 ", "http://a//"])
def test_addresses(twin: Program, text: str) -> None:
    assert twin.call("serverUrl", text) == server_url(text)


WRONG_SCHEMES = ["", "a", "ftp://a", "http:a", "http:///a", "javascript:http://a"]
WRONG_HOSTS = ["http://a b", "http://a:99999", "http://u:p@a", "http://u@a", "http://a\\b", "http://a/\x00"]


@pytest.mark.parametrize("text", [*WRONG_SCHEMES, *WRONG_HOSTS, "http://a/?b", "http://a/#b"])
def test_wrong_addresses(twin: Program, text: str) -> None:
    with pytest.raises(ProgramError, match="the URL must") as raised:
        twin.call("serverUrl", text)
    assert "u:p" not in str(raised.value)


@OF_GO[0]
@OF_GO[1]
def test_problem_types_are_those_of_the_catalog() -> None:
    found = GO.call("problemTypes")
    assert found == {slug: [CATALOGUE[slug].status, CATALOGUE[slug].title] for slug in found}
