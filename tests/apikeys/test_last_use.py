"""Last use of many keys at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, UsageMark, UsageSource
from apikeys.usage.last_use import last_uses
from tests.support.last_use import set_last_use

pytestmark = pytest.mark.django_db
NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_last_use_is_the_latest_of_all_stores_and_secrets(
    service: ConfigService, django_assert_num_queries: Any
) -> None:
    first, second, unused = (service.issue({"label": label}).key for label in ("first", "second", "unused"))
    other_store = UsageSource.objects.create(generation="other", seen_at=NOW)
    set_last_use(first, NOW, slot=0)
    set_last_use(first, NOW + HOUR, slot=1)
    UsageMark.objects.create(key=first, source=other_store, used_0_at=NOW + HOUR / 2)
    set_last_use(second, NOW, slot=0)
    UsageMark.objects.create(key=second, source=other_store, used_1_at=NOW + 2 * HOUR)
    UsageMark.objects.create(key=unused, source=other_store)
    with django_assert_num_queries(1):
        found = last_uses([first.pk, second.pk, unused.pk])
    assert found == {first.pk: NOW + HOUR, second.pk: NOW + 2 * HOUR}
    assert last_uses([second.pk]) == {second.pk: NOW + 2 * HOUR}
    for key in APIKey.objects.all():
        assert found.get(key.pk) == key.last_used_at
