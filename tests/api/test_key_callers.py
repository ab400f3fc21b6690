"""GET /v1/keys/{key_id}/callers."""

import pytest

from apikeys.callers.rows import write_callers
from apikeys.callers.sightings import Sighting
from apikeys.config_service import IssuedKey
from apikeys.models import CallerKind
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


def test_callers_of_a_key(api: Caller, root: IssuedKey) -> None:
    path = f"/v1/keys/{root.key.key_id}/callers"
    assert api.get(path).json() == []
    first, last = 1_893_456_000.0, 1_893_456_060.0
    seen = {
        (CallerKind.SERVICE, "curl/8.5"): Sighting(9, first, first),
        (CallerKind.ADDRESS, "192.0.2.1"): Sighting(2, first, last),
        (CallerKind.ADDRESS, "192.0.2.2"): Sighting(7, last, last),
    }
    write_callers({root.key.key_id: seen})
    found = api.get(path).json()
    assert [(row["kind"], row["value"], row["requests"]) for row in found] == [
        ("address", "192.0.2.2", 7),
        ("address", "192.0.2.1", 2),
        ("service", "curl/8.5", 9),
    ]
    assert (found[1]["first_seen"], found[1]["last_seen"]) == ("2030-01-01T00:00:00Z", "2030-01-01T00:01:00Z")


def test_unknown_key_and_parameter(api: Caller, root: IssuedKey) -> None:
    assert api.get("/v1/keys/lk_000000000000/callers").status_code == 404
    assert api.get(f"/v1/keys/{root.key.key_id}/callers?kind=address").status_code == 422
