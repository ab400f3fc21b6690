"""What the package of Node.js reads and decides on its own, it does as `latchkey` in Python does."""

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
from latchkey.redaction import redact_tokens
from latchkey.request_id import is_request_id
from tests.clients.node.apps import NODE, NodeError

pytestmark = [
    pytest.mark.slow("installs and builds the package of Node.js"),
    pytest.mark.needs("node-packages"),
]
alike = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ONE, OTHER = (Credential(generate_key_id(), generate_secret()).reveal() for _ in range(2))
MISTYPED = ONE[:-1] + ("a" if ONE[-1] != "a" else "b")
ONE_TOKEN = ONE.replace(":", ".")
BASIC = base64.b64encode(ONE.encode()).decode()


def of_python(api_key: str | None, authorization: str | None) -> Any:
    try:
        return DEFAULT.find([api_key, authorization]).reveal()
    except CredentialError as error:
        return [error.slug, error.detail]


_CREDENTIALS = [ONE, ONE_TOKEN, OTHER, MISTYPED, BASIC, "lks_", "lk_x:lks_y", ":", "x" * 200]
_SCHEMES = ["Bearer", "bearer", "Basic", "BASIC", "Digest"]
_STRAY = ["'", '"', " ", "  ", ",", ", ", "," * 70, "\\n", "\t", "\u00a0", "“".encode().decode("latin-1"), "\u00e4"]
_BASE64 = ["=", "==", "YQ==", "YR==", "YQ=", "Y", "/w=="]
PIECES = st.sampled_from([*_CREDENTIALS, *_SCHEMES, *_STRAY, *_BASE64])
FIELDS = st.none() | st.lists(PIECES, max_size=6).map("".join)


@alike
@given(FIELDS, FIELDS)
def test_credential_of_a_request(api_key: str | None, authorization: str | None) -> None:
    assert NODE.call("credential", api_key, authorization) == of_python(api_key, authorization)


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
        ("", ""),
    ],
    ids=count(),  # the credentials differ from process to process
)
def test_credential_of_a_request_by_example(api_key: str | None, authorization: str | None) -> None:
    assert NODE.call("credential", api_key, authorization) == of_python(api_key, authorization)


IDENTITIES = st.none() | st.lists(
    st.sampled_from(["lk_0123456789ab", "%C3%A9", "%", "%zz", "%ff", " ", "a:b", "%20", "é", ","]), max_size=4
).map("".join)


@alike
@given(IDENTITIES, IDENTITIES, IDENTITIES)
def test_identity_of_a_proxy(key_id: str | None, owner: str | None, scopes: str | None) -> None:
    found = read_identity(key_id, owner, scopes)
    wanted = found and [found.key_id, found.owner, sorted(found.scopes)]
    assert NODE.call("identity", key_id, owner, scopes) == wanted


SCOPES = st.text("ab:*", max_size=7)


@alike
@given(st.lists(SCOPES, max_size=3), SCOPES)
def test_scopes(granted: list[str], required: str) -> None:
    assert NODE.call("covers", granted, required) == covers(frozenset(granted), required)


TEXTS = st.lists(
    st.sampled_from(
        [ONE, MISTYPED.partition(":")[2], BASIC, "whsec_" + "A" * 43, "whsec_", "lks_", "bGtf", "/", "a.b"]
    ),
    max_size=3,
).map("".join)


@alike
@given(TEXTS)
def test_secrets_in_texts(text: str) -> None:
    assert NODE.call("redactTokens", text) == redact_tokens(text)
    for name in (text, re.sub(r"[^A-Za-z0-9._-]", "", text), text.partition(":")[2]):
        assert NODE.call("isRequestId", name) == is_request_id(name)


@pytest.mark.parametrize("text", ["http://a", "https://a.b:8000/x/", " http://[::1]:8 ", "http://a//"])
def test_addresses(text: str) -> None:
    assert NODE.call("serverUrl", text) == server_url(text)


WRONG_SCHEMES = ["", "a", "ftp://a", "http:a", "http:///a", "javascript:http://a"]
WRONG_HOSTS = ["http://a b", "http://a:99999", "http://u:p@a", "http://u@a", "http://a\\b", "http://a/\x00"]


@pytest.mark.parametrize("text", [*WRONG_SCHEMES, *WRONG_HOSTS, "http://a/?b", "http://a/#b"])
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(NodeError, match="the URL must") as raised:
        NODE.call("serverUrl", text)
    assert "u:p" not in str(raised.value)
