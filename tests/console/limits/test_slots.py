"""The bar of a limit of concurrency: how many slots reservations hold."""

import pytest
from django.test import Client

from apikeys.authenticator import default_authenticator
from apikeys.config_service import ConfigService
from ratelimit.costs import ONE
from ratelimit.stores import BucketStoreError, MemoryStore
from tests.console.limits.forms import create_plan

pytestmark = pytest.mark.django_db(transaction=True)


def test_key_shows_slots_that_are_held(
    admin: Client, service: ConfigService, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_plan("streaming", {"name": "streams", "concurrency": 5})
    issued = service.issue({"label": "x", "plan": "streaming"})
    verified = default_authenticator().authenticate(issued.credential, "192.0.2.1")
    for _ in range(2):
        _, made = default_authenticator().reserve(verified, ONE, "lk_0123456789ab", 60)
        assert made.reservation_id
    path = f"/admin/apikeys/apikey/{issued.key.key_id}/change/"
    page = admin.get(path).content.decode()
    assert "5 at the same time" in page
    assert '<p class="quiet">2 used, 3 left</p>' in page

    def fail(*_: object) -> None:
        raise BucketStoreError("down")

    monkeypatch.setattr(store, "peek_claims", fail)
    assert "2 used, 3 left" not in admin.get(path).content.decode(), "unknown while the store is down, not 0"
