"""Sessions that wait in the pool can be cut, too."""

import pytest
from django.conf import settings
from psycopg_pool import ConnectionPool

from apikeys.cache import query_deadlines
from apikeys.cache.closable_connection import ClosableConnection
from tests.support.services import postgresql_url
from tests.support.stores import ON_SERVICES, chosen


@pytest.mark.needs("postgresql")
def test_connection_is_tracked_before_use() -> None:
    with ConnectionPool(postgresql_url(), min_size=1, connection_class=ClosableConnection) as pool:
        pool.wait(10)
        (session,) = pool._pool
        assert session in query_deadlines._open


@pytest.mark.django_db
@pytest.mark.skipif(chosen() != ON_SERVICES, reason="SQLite has no pool")
def test_configured_pool_uses_closable_connections() -> None:
    assert settings.DATABASES["default"]["OPTIONS"]["pool"]["connection_class"] is ClosableConnection
