"""The writer: moves what was recorded to the database, and survives its outages within fixed bounds."""

import asyncio
from collections.abc import Mapping
from threading import Barrier, Event, Thread

import pytest
from django.db import DataError, OperationalError, connections
from structlog.testing import capture_logs

from apikeys.cache.key_cache import default_key_cache
from apikeys.callers import writer as module
from apikeys.callers.caller import Caller
from apikeys.callers.recorder import CallerRecorder
from apikeys.callers.rows import write_callers
from apikeys.callers.sightings import Sightings
from apikeys.callers.writer import DROPPED, CallerWriter, write_callers_forever, write_last_callers
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import KeyCaller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def recorder() -> CallerRecorder:
    return CallerRecorder()


@pytest.fixture
def writer(recorder: CallerRecorder) -> CallerWriter:
    return CallerWriter(recorder)


def record(recorder: CallerRecorder, key_id: str, address: str = "192.0.2.1") -> None:
    recorder.record(key_id, lambda: Caller(address, ""))


def written() -> dict[str, int]:
    return dict(KeyCaller.objects.values_list("value", "requests"))


def test_what_was_recorded_is_written_once(root: IssuedKey, recorder: CallerRecorder, writer: CallerWriter) -> None:
    for _ in range(3):
        record(recorder, root.key.key_id)
    writer.write()
    writer.write()
    assert written() == {"192.0.2.1": 3}


def test_outage_loses_nothing(
    root: IssuedKey, recorder: CallerRecorder, writer: CallerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Mapping[str, Sightings]) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(module, "write_callers", refuse)
    with capture_logs() as logs:
        for _ in range(3):
            record(recorder, root.key.key_id)
            writer.write()
    assert [line["event"] for line in logs] == ["callers_not_written"]
    monkeypatch.setattr(module, "write_callers", write_callers)
    writer.write()
    assert written() == {"192.0.2.1": 3}


def test_batch_that_can_never_be_written_holds_up_no_other(
    service: ConfigService, recorder: CallerRecorder, writer: CallerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, other = (service.issue({"label": "x"}).key.key_id for _ in range(2))

    def fail_for_one(batch: Mapping[str, Sightings]) -> None:
        if poison in batch:
            raise DataError("value too long")
        write_callers(batch)

    monkeypatch.setattr(module, "KEYS_PER_TRANSACTION", 1)
    monkeypatch.setattr(module, "write_callers", fail_for_one)
    for key_id in (poison, other):
        record(recorder, key_id)
    before = DROPPED._value.get()
    with capture_logs():
        writer.write()
    writer.write()
    assert written() == {"192.0.2.1": 1}
    assert DROPPED._value.get() - before == 1


def test_known_outage_is_not_probed(
    root: IssuedKey, recorder: CallerRecorder, writer: CallerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(recorder, root.key.key_id)
    poller = default_key_cache().poller
    poller.down = True
    monkeypatch.setattr(module, "write_callers", None)
    writer.write()
    monkeypatch.setattr(module, "write_callers", write_callers)
    poller.down = False
    writer.write()
    assert written() == {"192.0.2.1": 1}


def test_long_outage_drops_and_counts(
    service: ConfigService, recorder: CallerRecorder, writer: CallerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 3)
    default_key_cache().poller.down = True
    before = DROPPED._value.get()
    for number in range(5):
        record(recorder, f"key-{number}")
        writer.write()
    assert len(writer._unwritten) == 3
    assert DROPPED._value.get() - before == 2


def test_many_keys_are_written_in_several_transactions(
    service: ConfigService, recorder: CallerRecorder, writer: CallerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEYS_PER_TRANSACTION", 2)
    sizes: list[int] = []

    def counted(batch: Mapping[str, Sightings]) -> None:
        sizes.append(len(batch))
        write_callers(batch)

    monkeypatch.setattr(module, "write_callers", counted)
    for _ in range(5):
        record(recorder, service.issue({"label": "x"}).key.key_id)
    writer.write()
    assert sizes == [2, 2, 1]
    assert KeyCaller.objects.count() == 5


def test_writer_runs_until_it_is_cancelled(
    root: IssuedKey, recorder: CallerRecorder, writer: CallerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Event()
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(module, "write_callers", lambda batch: done.set())
    record(recorder, root.key.key_id)

    async def run() -> None:
        task = asyncio.create_task(write_callers_forever(writer))
        while not done.is_set():  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))


def test_last_callers_are_written(root: IssuedKey, recorder: CallerRecorder, writer: CallerWriter) -> None:
    taken: list[str] = []
    writer.write = lambda: taken.extend(recorder.take())  # type: ignore[method-assign]
    record(recorder, root.key.key_id)
    asyncio.run(write_last_callers(writer))
    assert taken == [root.key.key_id]


def test_processes_write_the_same_keys_at_the_same_time(service: ConfigService) -> None:
    keys = [service.issue({"label": "x"}).key.key_id for _ in range(5)]
    ready, writers = Barrier(4), list[CallerWriter]()

    def process(number: int) -> None:
        recorder = CallerRecorder()
        for key_id in keys if number % 2 else reversed(keys):
            for address in ("192.0.2.1", f"198.51.100.{number}"):
                record(recorder, key_id, address)
        writers.append(writer := CallerWriter(recorder))
        ready.wait(10)
        writer.write()
        connections.close_all()

    threads = [Thread(target=process, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for writer in writers:
        writer.write()  # what the database of the tests has refused, which is in memory and takes one writer at a time
    assert KeyCaller.objects.count() == 25
    assert set(KeyCaller.objects.filter(value="192.0.2.1").values_list("requests", flat=True)) == {4}
