"""Constraints of the database: it rejects keys and secrets that cannot exist."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey, KeySecret

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("value", [None, datetime(2030, 1, 1, tzinfo=UTC)])
def test_database_protects_revocation(service: ConfigService, root: IssuedKey, value: datetime | None) -> None:
    service.revoke(root.key.key_id)
    with pytest.raises(DatabaseError, match="a revocation is final"), transaction.atomic():
        APIKey.objects.update(revoked_at=value)


@pytest.mark.parametrize("changes", [{"key_id": "lk_UPPERCASE000"}, {"key_id": "x"}, {"epoch": 0}, {"label": ""}])
def test_database_rejects_impossible_keys(root: IssuedKey, changes: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        APIKey.objects.update(**changes)


@pytest.mark.parametrize(
    "values",
    [
        {"state": "active", "slot": 1},
        {"state": "retiring", "slot": 0, "expires_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"state": "retiring", "slot": 1},
        {"state": "active", "slot": 2},
    ],
)
def test_database_rejects_impossible_secrets(root: IssuedKey, values: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        KeySecret.objects.create(key=root.key, digest=b"x" * 32, pepper_id="t2", created_at=timezone.now(), **values)
