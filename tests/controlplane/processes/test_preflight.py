"""Bucket store check before the start: an error for a permanent fault, but not for an outage."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management.base import CommandError
from pytest_django import Settings

from controlplane.processes import preflight
from ratelimit.stores.base import BucketStoreUnavailable
from ratelimit.stores.fallback_mode import FallbackMode

URL = "redis://:hunter2@valkey:6379/0"


class Store:
    """A remote store that is reached, or not."""

    remote = True

    def __init__(self) -> None:
        self.away = False
        self.closed = 0

    def generation(self) -> bytes:
        if self.away:
            raise BucketStoreUnavailable("redis://valkey:6379: ConnectionError: Name or service not known")
        return b"1"

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Store:
    store = Store()
    settings.DATA_DIR, settings.BUCKET_STORE_URL = tmp_path, URL
    limiter = SimpleNamespace(store=store, fallback=FallbackMode.LOCAL)
    monkeypatch.setattr(preflight, "default_limiter", lambda: limiter)
    monkeypatch.setattr(preflight, "permanent_fault", lambda _: "valkey is not a known host. Correct the name.")
    return store


def test_unreached_address_is_an_error(store: Store) -> None:
    store.away = True
    with pytest.raises(CommandError, match="valkey is not a known host") as caught:
        preflight.check_bucket_store()
    assert caught.value.returncode == 2
    assert store.closed == 1


def test_outage_of_reached_address_is_accepted(store: Store, settings: Settings, tmp_path: Path) -> None:
    preflight.check_bucket_store()
    assert "hunter2" not in (tmp_path / "bucket-store-reached").read_text()
    store.away = True
    preflight.check_bucket_store()
    settings.BUCKET_STORE_URL = "redis://another:6379/0"
    with pytest.raises(CommandError):
        preflight.check_bucket_store()


def test_temporary_outage_is_accepted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.away = True
    monkeypatch.setattr(preflight, "permanent_fault", lambda _: None)
    preflight.check_bucket_store()
