"""The record file and the event log: another log, events that other processes read first, and races."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys.cache import feed as feed_module
from apikeys.cache.shared import synchronization
from apikeys.cache.shared.sealed_file import SealedFile
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import DisabledKey
from apikeys.models import APIKey
from events import feed as pages
from tests.apikeys.cache.outage.process import Database, Process, SharedStore
from tests.apikeys.cache.outage.test_feed import fail_over, restore, truncate
from tests.apikeys.cache.shared.conftest import Start
from tests.events.test_log import add

pytestmark = pytest.mark.django_db(transaction=True)

REPLACEMENTS = [restore, fail_over, truncate]


def second(*processes: Process) -> None:
    """The second after which each process asks the feed."""
    for process in processes:
        process.seconds += 1
        assert process.follow()


@pytest.fixture
def other(service: ConfigService, key: IssuedKey) -> IssuedKey:
    """A key whose event is lost with the end of the log."""
    return service.issue({"label": "other"})


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_replaced_log_drops_the_file(
    here: Process, there: Process, other: IssuedKey, key: IssuedKey, replace: Callable[[IssuedKey], None]
) -> None:
    second(here, there)
    assert here.passes(key.credential)
    replace(key)
    second(here)
    with pytest.raises(DisabledKey):
        here.passes(key.credential)
    second(there, here)
    with pytest.raises(DisabledKey):
        there.passes(key.credential)


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_log_that_was_replaced_while_no_process_ran_drops_the_file(
    start: Start, other: IssuedKey, key: IssuedKey, replace: Callable[[IssuedKey], None]
) -> None:
    before = start()
    second(before)
    assert before.passes(key.credential)
    replace(key)
    restarted = start()
    with pytest.raises(DisabledKey):
        restarted.passes(key.credential)


def test_process_on_the_old_server_puts_nothing_into_the_file_of_the_new_log(
    here: Process, there: Process, other: IssuedKey, key: IssuedKey
) -> None:
    """After a failover, a process may still be connected to the server that was cut off."""
    second(here, there)
    restore(key)
    second(here)
    record = there.cache.load(key.key.key_id)
    assert record is not None
    assert here.cache.find_shared(key.key.key_id) is None


@pytest.mark.parametrize("bulk", [True, False])
def test_forgotten_records_leave_the_file(
    here: Process, there: Process, start: Start, key: IssuedKey, service: ConfigService, bulk: bool
) -> None:
    assert here.passes(key.credential)
    APIKey.objects.update(enabled=False)
    if bulk:
        service.forget_records()
        second(here)
        with pytest.raises(DisabledKey):
            there.passes(key.credential)
        with pytest.raises(DisabledKey):
            start().passes(key.credential)
    else:
        second(here)
        assert start().passes(key.credential)


def test_steady_state_needs_no_query_more(
    here: Process, there: Process, key: IssuedKey, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events that the feed has read are applied to the file, by whichever process is first."""

    def not_asked(*_: object) -> None:
        raise AssertionError("a query")

    monkeypatch.setattr(synchronization, "read_after", not_asked)
    assert here.passes(key.credential)
    for round_ in range(3):
        second(there)
        add()
        second(here)
        service.update(key.key.key_id, {"label": f"{round_}"})
        second(there, here)
        assert here.passes(key.credential)
        found = there.cache.find_shared(key.key.key_id)
        assert found is not None
        assert found.read.record.auth.label == f"{round_}"
    with CaptureQueriesContext(connection) as queries:
        second(here)
    assert len(queries) == 1


def test_process_that_is_behind_the_file_uses_it(
    here: Process, there: Process, key: IssuedKey, service: ConfigService, database: Database
) -> None:
    for _ in range(3):
        add()
    second(here)
    assert here.passes(key.credential)
    there.seconds += 1
    assert there.passes(key.credential)
    assert len(database.asked) == 1


@pytest.mark.parametrize("first", [True, False])
def test_many_pages_are_followed(
    here: Process, start: Start, key: IssuedKey, service: ConfigService, monkeypatch: pytest.MonkeyPatch,
    database: Database, first: bool,
) -> None:  # fmt: skip
    for module in (feed_module, pages, synchronization):
        monkeypatch.setattr(module, "PAGE", 2)
    kept = service.issue({"label": "kept"})
    second(here)
    here.passes(key.credential)
    here.passes(kept.credential)
    if first:
        service.update(key.key.key_id, {"enabled": False})
    for _ in range(6):
        add()
    if not first:
        service.update(key.key.key_id, {"enabled": False})
    second(here)
    assert here.cache._feed.last_events, "the last page isn't empty"
    for process in (here, start()):
        second(process)
        assert process.cache.find_shared(kept.key.key_id) is not None
        assert process.cache.find_shared(key.key.key_id) is None


def test_record_read_ahead_of_the_feed_is_shared_after_its_answer(
    here: Process, there: Process, key: IssuedKey, database: Database
) -> None:
    add()
    assert here.passes(key.credential)
    assert there.cache.find_shared(key.key.key_id) is None
    second(here)
    assert there.passes(key.credential)
    assert len(database.asked) == 1


def test_record_waits_for_another_writer(here: Process, there: Process, key: IssuedKey) -> None:
    with locked(there) as is_free:
        assert is_free
        assert here.passes(key.credential)
        second(here)
    assert there.cache.find_shared(key.key.key_id) is None
    second(here)
    assert there.cache.find_shared(key.key.key_id) is not None


def locked(process: Process) -> AbstractContextManager[bool]:
    """Holds the writer's lock of a process."""
    shared = process.cache._shared
    assert shared is not None
    return shared._file.writing()


def test_new_process_uses_nothing_that_lags_behind_its_feed(
    here: Process, there: Process, start: Start, key: IssuedKey, service: ConfigService, shared: SharedStore
) -> None:
    """Another process was stopped with the writer's lock, so the event can't be applied to the file."""
    assert here.passes(key.credential)
    with locked(there):
        service.update(key.key.key_id, {"enabled": False})
        shared.forget(key.key.key_id.encode())
        started = start()
        with pytest.raises(DisabledKey):
            started.passes(key.credential)


def test_record_that_waited_through_an_event_is_not_written(
    here: Process, there: Process, start: Start, key: IssuedKey, service: ConfigService
) -> None:
    with locked(there):
        assert here.passes(key.credential)
    service.update(key.key.key_id, {"enabled": False})
    second(here)
    assert start().cache.find_shared(key.key.key_id) is None


def test_record_of_another_log_is_not_found(here: Process, there: Process, key: IssuedKey, other: IssuedKey) -> None:
    second(here, there)
    restore(key)
    second(here)
    assert here.passes(other.credential)
    there.seconds += 1
    assert here.cache.find_shared(other.key.key_id) is not None
    assert there.cache.find_shared(other.key.key_id) is None
    second(there, here)
    assert here.passes(other.credential)


def test_nothing_is_written_between_two_logs(here: Process, key: IssuedKey, path: Path) -> None:
    """The feed has begun another log, and has not compared the file with it yet."""
    here.cache._table.begin(0)
    before = path.read_bytes()
    assert here.passes(key.credential)
    assert path.read_bytes() == before


def test_record_that_was_found_in_another_log_is_not_adopted(
    here: Process, there: Process, key: IssuedKey, other: IssuedKey
) -> None:
    second(here, there)
    assert here.passes(key.credential)
    found = there.cache.find_shared(key.key.key_id)
    assert found is not None
    fail_over(key)
    second(there)
    assert not there.cache.adopt(found)


def test_file_with_the_id_of_an_event_and_another_digest_is_begun_again(here: Process, key: IssuedKey) -> None:
    """Only a process with the pepper can write it, for example one that is connected to another server."""
    assert here.passes(key.credential)
    shared = here.cache._shared
    assert shared is not None
    header = shared._file.header()
    assert header is not None
    with shared._file.writing():
        shared._file.move(header._replace(cursor=header.cursor._replace(digest="f" * 64)))
    add()
    second(here)
    assert here.cache.find_shared(key.key.key_id) is None
    header_now = shared._file.header()
    assert header_now is not None
    assert header_now.generation != header.generation


def test_record_is_adopted_once(here: Process, there: Process, key: IssuedKey) -> None:
    assert here.passes(key.credential)
    found = there.cache.find_shared(key.key.key_id)
    assert found is not None
    assert there.cache.adopt(found)
    assert not there.cache.adopt(found), "what the process has since is newer"


@pytest.mark.parametrize("is_new", [True, False])
def test_file_that_another_process_is_about_to_change_is_left_to_it(
    here: Process, there: Process, service: ConfigService, path: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    """Between reading the header and getting the lock."""
    if is_new:
        path.unlink()
    else:
        add()
    writing = SealedFile.writing
    done: list[bytes] = []

    def writing_later(self: SealedFile) -> AbstractContextManager[bool]:
        if not done:
            done.append(b"")
            second(there)
            if not is_new:
                add()
                second(there)
            done.append(path.read_bytes())
        return writing(self)

    monkeypatch.setattr(SealedFile, "writing", writing_later)
    second(here)
    assert path.read_bytes() == done[1]


def test_file_that_lags_is_dropped_with_the_log(
    here: Process, there: Process, start: Start, key: IssuedKey, other: IssuedKey
) -> None:
    """Its cursor is in both logs."""
    second(here, there)
    assert here.passes(key.credential)
    with locked(there):
        add()
        second(here)
    fail_over(key)
    second(here)
    with pytest.raises(DisabledKey):
        start(seconds=here.seconds).passes(key.credential)


def test_file_of_another_log_is_not_taken_for_one_that_was_begun(
    here: Process, there: Process, start: Start, key: IssuedKey, other: IssuedKey
) -> None:
    """Another process holds the writer's lock when the feed begins the log whose end is the file's cursor."""
    second(here, there)
    assert here.passes(key.credential)
    with locked(there):
        add()
        second(here)
        fail_over(key)
        second(here)
    second(here)
    with pytest.raises(DisabledKey):
        start(seconds=here.seconds).passes(key.credential)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("grows", [True, False])
def test_record_as_of_a_lost_event_is_dropped(
    here: Process, there: Process, key: IssuedKey, service: ConfigService, shared: SharedStore, database: Database,
    is_first: bool, grows: bool,
) -> None:  # fmt: skip
    """The file had the event, and this process's feed did not, so to the feed the log only continues."""
    service.update(key.key.key_id, {"enabled": False})
    second(here, there)
    service.update(key.key.key_id, {"enabled": True})
    second(here)
    there.seconds += 1
    assert here.passes(key.credential)
    database.asked.clear()
    assert there.passes(key.credential)
    assert database.asked == [], "from the file"
    fail_over(key)
    shared.forget(key.key.key_id.encode())
    if grows:
        add()
    second(*((there, here) if is_first else (here, there)))
    with pytest.raises(DisabledKey):
        there.passes(key.credential)
    second(there, here)
    with pytest.raises(DisabledKey):
        there.passes(key.credential)


STEPS = ("before it selects", "before it stores", "before it shares", "after it shared")


@pytest.mark.parametrize("by_hand", [False, True], ids=["by event", "by hand"])
@pytest.mark.parametrize(("changed", "followed"), list(combinations_with_replacement(STEPS, 2)))
def test_old_row_is_never_found_once_the_event_is_known(
    here: Process, there: Process, start: Start, key: IssuedKey, service: ConfigService, shared: SharedStore,
    database: Database, monkeypatch: pytest.MonkeyPatch, changed: str, followed: str, by_hand: bool,
) -> None:  # fmt: skip
    """At whichever step of `here` the key changes, and at whichever later one `there` hears of it. The bucket store
    knows nothing, so only the event shows it.
    """
    hooks: dict[str, list[Callable[[], object]]] = {step: [] for step in STEPS}

    def at(step: str) -> None:
        todo, hooks[step] = hooks[step], []
        for hook in todo:
            hook()

    def change() -> None:
        if by_hand:
            APIKey.objects.update(enabled=False)
            service.forget_records()
        else:
            service.update(key.key.key_id, {"enabled": False})
        shared.forget(key.key.key_id.encode())

    read = database.read_with

    def read_in_steps(digests: Any) -> Any:
        at("before it selects")
        found = read(digests)
        at("before it stores")
        return found

    write = SealedFile.write

    def write_in_steps(self: SealedFile, *arguments: Any) -> None:
        at("before it shares")
        write(self, *arguments)

    monkeypatch.setattr("apikeys.cache.key_cache.read_records_with", read_in_steps)
    monkeypatch.setattr(SealedFile, "write", write_in_steps)
    hooks[changed].append(change)
    hooks[followed].append(lambda: second(there))
    with contextlib.suppress(DisabledKey):
        here.passes(key.credential)
    at("before it shares")
    at("after it shared")
    processes = (start(), there)
    for process in processes:
        found = process.cache.find_shared(key.key.key_id)
        assert found is None or not found.read.record.enabled or not process.cache.adopt(found)
    # Only now, because they read the database.
    for process in processes:
        with pytest.raises(DisabledKey):
            process.passes(key.credential)


def test_log_without_events_is_not_shared(start: Start, path: Path) -> None:
    one = start()
    second(one)
    assert not path.exists() or path.stat().st_size == 0


def test_standby_moves_nothing(here: Process, key: IssuedKey, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()
    add()
    monkeypatch.setattr(feed_module, "connection_is_to_standby", lambda: True)
    second(here)
    assert path.read_bytes() == before
