"""Drops: which records may be stored after their key has changed."""

from apikeys.cache.drops import Drops


def test_record_from_before_change_is_rejected() -> None:
    drops = Drops()
    drops.add("a", 7)
    assert [drops.accept("a", as_of, 0) for as_of in (6, 7, 8)] == [False, True, True]
    assert drops.accept("b", 0, 0)


def test_last_change_counts() -> None:
    drops = Drops()
    drops.add("a", 7)
    drops.add("a", 9)
    assert not drops.accept("a", 8, 0)


def test_bulk_drop_is_for_every_key_of_the_past() -> None:
    drops = Drops()
    drops.add("a", 9)
    drops.add_all(10)
    assert [drops.accept(key, as_of, 0) for key in "ab" for as_of in (9, 10)] == [False, True] * 2


def test_memory_is_bounded_and_forgets_nothing() -> None:
    """A key that is no longer remembered is treated as if every key had changed then."""
    drops = Drops(capacity=2)
    for event_id, key in enumerate("abac", start=1):  # b is the one that changed first
        drops.add(key, event_id)
    assert [drops.accept("b", as_of, 0) for as_of in (1, 2)] == [False, True]
    assert [drops.accept("unheard of", as_of, 0) for as_of in (1, 2)] == [False, True]
    assert [drops.accept("a", as_of, 0) for as_of in (2, 3)] == [False, True]
    assert len(drops._event_ids) == 2


def test_record_of_another_log_is_rejected() -> None:
    drops = Drops()
    drops.add("a", 1000)
    drops.begin_log(5)
    assert not drops.accept("a", 2000, 0), "it was read before"
    assert drops.accept("a", 5, 1), "the other log may be shorter"
    assert not drops.accept("b", 4, 1), "a standby that lags behind may lack a change before"
