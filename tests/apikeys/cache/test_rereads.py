"""Rereads: records are read again after ten minutes, few at a time."""

from apikeys.cache.record_table import CAPACITY
from apikeys.cache.rereads import BATCH, REREAD_AFTER_SECONDS, Rereads


def test_those_read_first_are_due_first() -> None:
    rereads = Rereads()
    for read_at, key in enumerate("abca"):
        rereads.add(key, float(read_at))
    assert rereads.due(REREAD_AFTER_SECONDS + 0.9) == []
    assert rereads.due(REREAD_AFTER_SECONDS + 1) == ["b"]
    assert rereads.due(REREAD_AFTER_SECONDS + 9) == ["b", "c", "a"]
    rereads.discard("c")
    rereads.discard("c")
    assert rereads.due(REREAD_AFTER_SECONDS + 9) == ["b", "a"]


def test_few_are_due_at_a_time() -> None:
    rereads = Rereads()
    for number in range(BATCH + 1):
        rereads.add(str(number), 0.0)
    assert rereads.due(REREAD_AFTER_SECONDS) == [str(number) for number in range(BATCH)]


def test_full_cache_is_read_again_in_time_if_all_was_read_together() -> None:
    rereads = Rereads()
    for number in range(CAPACITY):
        rereads.add(str(number), 0.0)
    found: dict[str, float] = {}
    busy = 0
    for second in range(int(REREAD_AFTER_SECONDS) + 1):
        due = rereads.due(float(second))
        busy += bool(due)
        for key in due:
            found.setdefault(key, second)
            rereads.add(key, float(second))
    assert len(found) == CAPACITY
    assert busy <= CAPACITY / BATCH + 1, "and no sooner than needed"
