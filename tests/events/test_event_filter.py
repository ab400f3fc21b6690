"""How the database finds the events that are asked for."""

import pytest
from django.db import connection

from events.event_filter import EventFilter


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what the table holds")
@pytest.mark.parametrize("selection", [EventFilter(type="KeyIssued"), EventFilter(key_id="lk_0123456789ab")])
def test_filtered_reads_use_the_index(selection: EventFilter) -> None:
    plan = selection.after(7)[:100].explain()
    assert "SEARCH" in plan
    assert "id>?" in plan
    assert "TEMP B-TREE" not in plan, plan
