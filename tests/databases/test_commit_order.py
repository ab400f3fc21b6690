"""Event IDs are in the order of commits and without gaps, so a reader that continues after its cursor misses nothing."""

import json
from typing import Any

import pytest

from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("waits for a lock")

# Two transactions, each on a connection of its own. The second asks for its event while the first is open with its own.
HOLD_TWO = """
import json, threading
from django.db import transaction
from django.utils import timezone
from events import feed, log
from events.origin import Origin
from events.types import EventType

def append():
    return log.append(EventType.KEY_EXPIRED, origin=Origin.of_system(), at=timezone.now(), data={{}}).id

def read():
    return [event.event_id for event in feed.read_after(cursor)]

def hold():
    with transaction.atomic():
        ids["first"] = append()
        has_first.set()
        assert may_end.wait(30)
        transaction.set_rollback({rolls_back})
    ended.append("first")

def follow():
    with transaction.atomic():
        ids["second"] = append()
        has_second.set()
        assert may_end_second.wait(30)
    ended.append("second")

ids, ended = {{}}, []
has_first, may_end, has_second, may_end_second = (threading.Event() for _ in range(4))
with transaction.atomic():
    append()
cursor = feed.read_head()
first, second = threading.Thread(target=hold), threading.Thread(target=follow)
first.start()
assert has_first.wait(30)
second.start()
found = {{"cursor": cursor.event_id, "waits": not has_second.wait(0.5), "while both are open": read()}}
may_end.set()
assert has_second.wait(30)
first.join()
found["after the first"] = read()
may_end_second.set()
second.join()
print(json.dumps(found | {{"after both": read(), "ids": ids, "ended": ended}}))
"""


@pytest.mark.parametrize("rolls_back", [False, True])
def test_two_open_transactions_get_ids_in_the_order_in_which_they_end(
    installation: RunningServer, rolls_back: bool
) -> None:
    program = HOLD_TWO.format(rolls_back=rolls_back)
    found: dict[str, Any] = json.loads(installation.manage("shell", "-v0", "-c", program).stdout)
    cursor = found["cursor"]
    second = cursor + 1 if rolls_back else cursor + 2
    assert found == {
        "cursor": cursor,
        "waits": True,
        "while both are open": [],
        "after the first": [] if rolls_back else [cursor + 1],
        "after both": [second] if rolls_back else [cursor + 1, second],
        "ids": {"first": cursor + 1, "second": second},
        "ended": ["first", "second"],
    }
