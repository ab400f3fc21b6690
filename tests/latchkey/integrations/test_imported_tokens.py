"""Tokens of another system in the integrations: rejected by default, and verified if they are turned on."""

import pytest

from latchkey import headers
from latchkey.credentials import ImportedToken
from latchkey.integrations.configuration import Configuration
from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.outcome import Denied
from latchkey.integrations.policy import Policy
from tests.latchkey.client.responses import CREDENTIAL
from tests.latchkey.integrations.cases import basic, key
from tests.latchkey.integrations.conftest import Keys
from tests.latchkey.integrations.everywhere import INTEGRATIONS, NAMES, ONE_OF_EACH

pytestmark = pytest.mark.storeless("what an integration takes for a token")
TOKEN = "Ab3dEf7h." + "Zy1x" * 8


@pytest.mark.parametrize("integration", NAMES)
def test_token_is_verified(integration: str, keys: Keys) -> None:
    token = keys.imported()
    with INTEGRATIONS[integration](keys.options(imported_tokens=True)) as call:
        ways = [key(token), *({"Authorization": f"{scheme} {token}"} for scheme in ("Api-Key", "Token", "Bearer"))]
        found = [call("/orders", sent) for sent in ways]
        assert [response.status_code for response in found] == [200] * 4
        assert all(headers.RATE_LIMIT in response.headers for response in found)
        assert found[0].json()["owner"] == "shop"
        assert found[0].json()["key_id"].startswith("lk_")
        wrong = call("/orders", {"Authorization": f"Api-Key {token[::-1]}"})
        assert (wrong.status_code, wrong.json()["title"]) == (401, "Unknown key or wrong secret")
        assert call("/orders", key(keys.new().reveal())).status_code == 200


@pytest.mark.parametrize("integration", ONE_OF_EACH)
def test_token_is_rejected_by_default(integration: str, keys: Keys) -> None:
    token = keys.imported()
    with INTEGRATIONS[integration](keys.options()) as call:
        found = [call("/orders", sent) for sent in (key(token), {"Authorization": f"Api-Key {token}"})]
    titles = [(response.status_code, response.json()["title"]) for response in found]
    assert titles == [(401, "Malformed credential"), (401, "Missing credential")]


def begin(sent: dict[str, str], *, imported_tokens: bool = True) -> object:
    """What is verified for a request, or the slug of its denial."""
    configuration = Configuration.read(url="http://keys", api_key=CREDENTIAL.reveal(), imported_tokens=imported_tokens)
    found = Policy(configuration).begin(IncomingRequest.of("/", sent.get), ())
    return found.error.slug if isinstance(found, Denied) else found


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (key(TOKEN), ImportedToken.of(TOKEN)),
        ({"Authorization": f"Mine {TOKEN}"}, ImportedToken.of(TOKEN)),
        (key(TOKEN) | {"Authorization": f"Bearer {CREDENTIAL.reveal()}"}, CREDENTIAL),
        (key(TOKEN) | {"Authorization": f"Token {TOKEN[::-1]}"}, "ambiguous-credential"),
        (basic(TOKEN), "malformed-credential"),
        ({"Authorization": TOKEN}, "missing-credential"),
        (key(TOKEN[:15]), "malformed-credential"),
        (key("x" * 256), ImportedToken.of("x" * 256)),
        (key("x" * 257), "malformed-credential"),
        (key(f"{TOKEN}!"), "malformed-credential"),
        (key(CREDENTIAL.reveal()[:-1]), "malformed-credential"),
        ({"Authorization": f"Api-Key {CREDENTIAL.reveal()}"}, "missing-credential"),
        ({}, "missing-credential"),
    ],
    ids=range(13),
)
def test_what_may_be_a_token(sent: dict[str, str], found: object) -> None:
    assert begin(sent) == found
    if isinstance(found, ImportedToken):
        assert begin(sent, imported_tokens=False) in ("malformed-credential", "missing-credential")
