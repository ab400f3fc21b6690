"""/v1/check: the fields that can carry a credential."""

import base64
from collections.abc import Callable

import pytest

from apikeys.config_service import IssuedKey
from gateway.native.check_head import credential_and_request_id
from tests.gateway.endpoints import Ask, check, with_wrong_secret

pytestmark = pytest.mark.django_db(transaction=True)

BASIC_OF_SERVICE = "Basic " + base64.b64encode(b"alice:pw").decode()

JWT = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"

AWS4 = "AWS4-HMAC-SHA256 Credential=A/1/eu/s3/aws4_request, SignedHeaders=host, Signature=0"

# What is sent as X-API-Key and as Authorization (None: not at all), where CRED is the key's credential, and the answer.
FIELDS = [
    ("CRED", None, 204, ""),
    (None, "Bearer CRED", 204, ""),
    ("DOTTED", None, 204, ""),
    (None, "Bearer DOTTED", 204, ""),
    (None, "Basic USER", 204, ""),
    ("DOTTED", "Bearer CRED", 204, ""),
    ("DOTTED", JWT, 204, ""),
    ("DOTTED", "Bearer OTHER", 400, "ambiguous-credential"),
    ("CRED", "Bearer CRED", 204, ""),
    ("CRED", JWT, 204, ""),
    ("CRED", BASIC_OF_SERVICE, 204, ""),
    ("CRED", AWS4, 204, ""),
    ("CRED", "", 204, ""),
    ("", "Bearer CRED", 204, ""),
    ("", "Basic BASE64", 204, ""),
    ("another product's key", "Bearer CRED", 204, ""),
    ("CRED", "Bearer OTHER", 400, "ambiguous-credential"),
    ("CRED,OTHER", None, 400, "ambiguous-credential"),
    ("CRED,nonsense", JWT, 400, "ambiguous-credential"),
    ("", None, 401, "missing-credential"),
    ("", AWS4, 401, "missing-credential"),
    (None, JWT, 401, "malformed-credential"),
    ("", BASIC_OF_SERVICE, 401, "malformed-credential"),
    ("nonsense", JWT, 401, "malformed-credential"),
    ('"CRED"', None, 401, "malformed-credential"),
    ('"CRED"', "Bearer CRED", 204, ""),
]


@pytest.mark.parametrize("warm", [True, False], ids=["in memory", "not in memory"])
@pytest.mark.parametrize(("api_key", "authorization", "status", "slug"), FIELDS)
def test_pairs_of_credential_fields(
    ask: Ask, api_key: str | None, authorization: str | None, status: int, slug: str, warm: bool, key: IssuedKey
) -> None:
    credential = key.credential.reveal()
    words = {
        "CRED": credential,
        "DOTTED": key.credential.reveal_as_one_token(),
        "USER": base64.b64encode(f"{key.credential.reveal_as_one_token()}:".encode()).decode(),
        "OTHER": with_wrong_secret(credential),
        "BASE64": base64.b64encode(credential.encode()).decode(),
    }
    fields = {"X-API-Key": api_key, "Authorization": authorization}
    for word, meant in words.items():
        fields = {name: value and value.replace(word, meant) for name, value in fields.items()}
    if warm:
        assert check(ask, credential).status == 204
    answer = ask("GET", "/v1/check", "", {name: value for name, value in fields.items() if value is not None})
    assert (answer.status, answer.slug) == (status, slug)
    assert key.credential.secret not in answer.body.decode()


@pytest.mark.parametrize(
    ("authorization", "is_plain"), [(JWT, True), (f"{JWT},Bearer x", False), ("Bearer lk_x", False), (AWS4, False)]
)
def test_fast_path_ignores_token_of_service(authorization: str, is_plain: bool, key: IssuedKey) -> None:
    """What may be a Latchkey credential is left to the complete rule."""
    fields = [(b"x-api-key", key.credential.reveal().encode()), (b"authorization", authorization.encode())]
    for ordered in (fields, fields[::-1]):
        assert credential_and_request_id(ordered)[0] == (key.credential if is_plain else None)


@pytest.mark.parametrize(
    "fields",
    [
        lambda c: {"X-API-Key": c},
        lambda c: {"Authorization": f"Bearer {c}"},
        lambda c: {"Authorization": f"bearer  {c} "},
        lambda c: {"Authorization": "Basic " + base64.b64encode(c.encode()).decode()},
        lambda c: {"X-API-Key": f"{c}, {c}"},
        lambda c: {"X-API-Key": c, "Authorization": f"Bearer {c}"},
        lambda c: {"X-API-Key": c, "Authorization": "Digest username=x"},
    ],
    ids=["key", "bearer", "spaces", "basic", "twice", "both", "another scheme"],
)
def test_every_way_to_send_a_credential(ask: Ask, key: IssuedKey, fields: Callable[[str], dict[str, str]]) -> None:
    assert ask("GET", "/v1/check", "", fields(key.credential.reveal())).status == 204


@pytest.mark.parametrize("value", ["{}", "Token {}", "Bearer{}", "Digest {}"], ids=str)
def test_other_scheme_is_no_credential(ask: Ask, key: IssuedKey, value: str) -> None:
    answer = ask("GET", "/v1/check", "", {"Authorization": value.format(key.credential.reveal())})
    assert (answer.status, answer.slug) == (401, "missing-credential")
