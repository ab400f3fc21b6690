"""The guard rail about imported digests."""

import hashlib

import pytest

from apikeys.config_service import ConfigService
from apikeys.imports.service import ImportService
from apikeys.models import APIKey, KeySecret
from events.origin import Origin
from tests.health.guard_rails.findings import DAY, NOW, SECOND, WELL_CONFIGURED, count_violations

pytestmark = pytest.mark.django_db

SOURCE = {"name": "old", "hash": "sha256", "alphabet": "base62", "min_length": 20}


def test_unused_imported_tokens(keys: ConfigService) -> None:
    keys.issue(WELL_CONFIGURED)
    imported = [{**WELL_CONFIGURED, "digest": hashlib.sha256(bytes([number])).hexdigest()} for number in range(4)]
    service = ImportService(Origin("command:test", "r"), now=lambda: NOW)
    assert service.import_keys(SOURCE, imported).imported == 4
    assert count_violations("foreign_digest", NOW + 30 * DAY) == 0
    assert count_violations("foreign_digest", NOW + 30 * DAY + SECOND) == 4
    used, revoked, rotated, _ = APIKey.objects.filter(import_event__isnull=False).order_by("pk")
    KeySecret.objects.filter(key=used).update(foreign_hash=None)
    assert count_violations("foreign_digest", NOW + 31 * DAY) == 3
    keys.revoke(revoked.key_id)
    assert count_violations("foreign_digest", NOW + 31 * DAY) == 2
    keys.rotate(rotated.key_id, {"grace_seconds": 0})
    assert count_violations("foreign_digest", NOW + 31 * DAY) == 1
