"""Key records, as they are read from the database."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys.cache.records import read_records
from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from events.models import ChainHead

pytestmark = pytest.mark.django_db(transaction=True)


def test_any_number_of_keys_is_read_in_two_statements(service: ConfigService) -> None:
    keys = [service.issue({"label": f"key {number}"}).key for number in range(5)]
    service.rotate(keys[2].key_id)
    for count in (1, 2, 5, 2, 1):
        wanted = keys[-count:]
        with CaptureQueriesContext(connection) as queries:
            found = read_records([key.key_id for key in wanted])
        assert len(queries) == (2 if connection.vendor == "sqlite" else 1), "PostgreSQL takes both together"
        assert {key_id: record.auth.label for key_id, record in found.items()} == {
            key.key_id: key.label for key in wanted
        }
        assert [len(found[key.key_id].secrets) for key in wanted] == [1 + (key is keys[2]) for key in wanted]
    assert list(read_records([keys[0].key_id, "lk_000000000000", keys[0].key_id])) == [keys[0].key_id]


def test_record_says_up_to_which_event_it_was_read(service: ConfigService) -> None:
    key_id = service.issue({"label": "x"}).key.key_id
    before = read_records([key_id])[key_id]
    service.update(key_id, {"label": "y"})
    after = read_records([key_id])[key_id]
    head = ChainHead.objects.get().last_id
    assert (before.as_of, after.as_of) == (head - 1, head)


def test_log_without_events_has_no_head() -> None:
    key = APIKey.objects.create(key_id="lk_000000000001", label="by hand", created_at="2030-01-01T00:00:00Z")
    assert read_records([key.key_id])[key.key_id].as_of == 0
