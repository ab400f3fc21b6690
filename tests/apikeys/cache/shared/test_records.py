"""Shared records: what one process has read, the others of the host need not read."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import OperationalError

from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.cache.records import FOREIGN, SecretRecord
from apikeys.cache.rereads import REREAD_AFTER_SECONDS
from apikeys.cache.shared import record_file, synchronization
from apikeys.cache.shared.records import SharedRecords
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import DisabledKey, InvalidCredential, RevokedKey
from apikeys.models import APIKey, KeySecret
from latchkey.credentials import Credential, generate_key_id, generate_secret
from latchkey.peppers import parse_peppers
from tests.apikeys.cache.outage.process import STALE_SECONDS, Database, Process, SharedStore
from tests.apikeys.cache.shared.conftest import Start

pytestmark = pytest.mark.django_db(transaction=True)


def test_cold_read_of_one_process_warms_the_others(
    here: Process, there: Process, key: IssuedKey, database: Database
) -> None:
    assert here.passes(key.credential)
    assert len(database.asked) == 1
    assert there.passes(key.credential)
    assert there.passes(key.credential)
    assert len(database.asked) == 1
    mine, theirs = (process.cache.cached_at_any_age(key.key.key_id) for process in (here, there))
    assert mine == theirs is not None


def test_restart_reads_no_record(here: Process, start: Start, service: ConfigService, database: Database) -> None:
    keys = [service.issue({"label": f"{number}"}) for number in range(20)]
    here.follow()
    for one in keys:
        here.passes(one.credential)
    restarted = start(seconds=here.seconds + 30)
    assert all(restarted.passes(one.credential) for one in keys)
    assert database.asked == []


def test_changes_while_no_process_ran_are_applied(
    here: Process, start: Start, key: IssuedKey, service: ConfigService, database: Database, shared: SharedStore
) -> None:
    other = service.issue({"label": "other"})
    here.follow()
    here.passes(key.credential)
    here.passes(other.credential)
    service.revoke(key.key.key_id)
    shared.forget(key.key.key_id.encode())
    restarted = start()
    assert restarted.passes(other.credential)
    assert database.asked == []
    with pytest.raises(RevokedKey):
        restarted.passes(key.credential)
    assert database.asked == [[key.key.key_id]]


def test_too_many_changes_while_no_process_ran_begin_the_file_again(
    here: Process, start: Start, key: IssuedKey, service: ConfigService, database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    here.passes(key.credential)
    monkeypatch.setattr(synchronization, "PAGE", 1)
    monkeypatch.setattr(synchronization, "MAX_PAGES_BEHIND", 1)
    for _ in range(3):
        service.issue({"label": "x"})
    assert start().passes(key.credential)
    assert database.asked == [[key.key.key_id]]


def test_file_is_not_used_before_the_feed_has_answered(
    here: Process, start: Start, key: IssuedKey, database: Database
) -> None:
    here.passes(key.credential)
    database.away = True
    restarted = start()
    for _ in range(2):
        with pytest.raises(OperationalError):
            restarted.passes(key.credential)
    database.away = False
    restarted.follow()
    restarted.authenticator.read_policies()
    assert restarted.passes(key.credential)
    assert [key.key.key_id] not in database.asked[2:]


def test_file_is_used_during_an_outage_like_the_cache(
    here: Process, there: Process, key: IssuedKey, database: Database
) -> None:
    here.passes(key.credential)
    database.away = True
    here.follow()
    there.follow()
    there.seconds += STALE_SECONDS - 1
    assert there.passes(key.credential)
    there.seconds += 1
    with pytest.raises(OperationalError):
        there.passes(key.credential)


@pytest.mark.parametrize(("confirms", "seconds"), [(True, STALE_SECONDS), (False, TTL_SECONDS)])
def test_file_is_not_used_once_the_feed_was_silent_for_too_long(
    here: Process, there: Process, key: IssuedKey, database: Database, shared: SharedStore, confirms: bool,
    seconds: float,
) -> None:  # fmt: skip
    here.passes(key.credential)
    shared.confirms_epochs = confirms
    database.away = True
    there.follow()
    there.seconds += seconds
    with pytest.raises(OperationalError):
        there.passes(key.credential)


def test_adopted_record_gets_no_younger_than_the_feed(
    here: Process, there: Process, key: IssuedKey, database: Database, shared: SharedStore
) -> None:
    for process in (here, there):
        process.seconds += TTL_SECONDS - 1
    here.follow()
    here.passes(key.credential)
    shared.confirms_epochs = False
    database.away = True
    assert there.passes(key.credential)
    there.seconds += 1
    there.follow()
    with pytest.raises(OperationalError):
        there.passes(key.credential)


@pytest.mark.parametrize("followed", [True, False])
def test_revoked_key_is_denied_on_next_request(
    here: Process, there: Process, start: Start, key: IssuedKey, service: ConfigService, followed: bool
) -> None:
    """Whether or not the processes have heard of it: the bucket store returns the epoch."""
    processes = [here, there, start(), start()]
    here.passes(key.credential)
    there.passes(key.credential)
    service.revoke(key.key.key_id)
    if followed:
        here.follow()
    for process in processes:
        with pytest.raises(RevokedKey):
            process.passes(key.credential)


@pytest.mark.parametrize("new_bytes", [0, 4096], ids=["file that lags", "entry that is put back"])
def test_dropped_key_is_not_adopted(
    here: Process,
    there: Process,
    key: IssuedKey,
    service: ConfigService,
    shared: SharedStore,
    path: Path,
    new_bytes: int,
) -> None:
    """Another process holds the writer's lock, or was stopped; or somebody keeps an authentic entry, and puts it back
    behind the newer header.
    """
    here.passes(key.credential)
    before = path.read_bytes()
    service.update(key.key.key_id, {"enabled": False})
    shared.forget(key.key.key_id.encode())
    there.follow()
    path.write_bytes(path.read_bytes()[:new_bytes] + before[new_bytes:])
    with pytest.raises(DisabledKey):
        there.passes(key.credential)


def test_unknown_ids_and_wrong_secrets_store_nothing(here: Process, there: Process, key: IssuedKey, path: Path) -> None:
    size = path.stat().st_size
    for wrong in (Credential(generate_key_id(), generate_secret()), Credential(key.key.key_id, generate_secret())):
        with pytest.raises(InvalidCredential):
            here.passes(wrong)
    assert path.stat().st_size == size
    here.passes(key.credential)
    with pytest.raises(InvalidCredential):
        there.passes(Credential(key.key.key_id, generate_secret()))
    assert there.cache.cached_at_any_age(key.key.key_id) is None


def test_rotated_secret_is_found_in_the_database(
    here: Process, there: Process, key: IssuedKey, service: ConfigService
) -> None:
    here.passes(key.credential)
    new = service.rotate(key.key.key_id).credential
    assert there.passes(new)
    assert here.passes(new)


def test_record_is_read_again_after_ten_minutes(
    here: Process, there: Process, start: Start, key: IssuedKey, database: Database
) -> None:
    """No event reports a change by hand."""
    here.passes(key.credential)
    assert there.passes(key.credential)
    APIKey.objects.update(enabled=False)
    for process in (here, there):
        process.seconds += REREAD_AFTER_SECONDS - 11
        process.follow()
        assert process.passes(key.credential)
    there.seconds += 11
    there.follow()
    assert there.cache.cached_at_any_age(key.key.key_id) is None
    with pytest.raises(DisabledKey):
        there.passes(key.credential)


def test_reread_is_shared(here: Process, there: Process, key: IssuedKey, database: Database) -> None:
    here.passes(key.credential)
    there.passes(key.credential)
    for process in (here, there):
        process.seconds += REREAD_AFTER_SECONDS
        process.follow()
    assert len(database.asked) == 2, "one read, and one reread"
    assert there.passes(key.credential)
    assert len(database.asked) == 2


@pytest.mark.parametrize("seconds", [-1.0, REREAD_AFTER_SECONDS])
def test_record_of_another_time_is_cold(
    here: Process, start: Start, key: IssuedKey, database: Database, seconds: float
) -> None:
    here.passes(key.credential)
    assert start(seconds=here.seconds + seconds).passes(key.credential)
    assert database.asked == [[key.key.key_id]]


@pytest.mark.parametrize("is_invalid", [True, False])
def test_row_that_cannot_be_read_again_leaves_the_file(
    here: Process, start: Start, key: IssuedKey, is_invalid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.passes(key.credential)
    if is_invalid:
        APIKey.objects.update(scopes=5)
    else:
        KeySecret.objects.all().delete()
        APIKey.objects.all().delete()
    here.seconds += REREAD_AFTER_SECONDS
    here.follow()
    assert start(seconds=0.0 + 100).cache.find_shared(key.key.key_id) is None


def test_key_that_is_gone_leaves_the_file(here: Process, there: Process, key: IssuedKey) -> None:
    here.passes(key.credential)
    KeySecret.objects.all().delete()
    APIKey.objects.all().delete()
    assert here.cache.load(key.key.key_id) is None
    with pytest.raises(InvalidCredential):
        there.passes(key.credential)


def test_another_pepper_begins_the_file_again(here: Process, start: Start, key: IssuedKey, database: Database) -> None:
    here.passes(key.credential)
    other = start(peppers=parse_peppers("p9:" + "99" * 32))
    assert other.cache.find_shared(key.key.key_id) is None
    here.follow()
    assert start().passes(key.credential)
    assert database.asked == [[key.key.key_id]]


def test_record_is_not_adopted_before_policies_are_known(here: Process, there: Process, key: IssuedKey) -> None:
    """The event loop would have to read them from the database."""
    assert here.passes(key.credential)
    there.authenticator._policies._snapshot = None
    assert there.authenticator.authenticate_from_cache(key.credential) is None
    there.authenticator.read_policies()
    assert there.authenticator.authenticate_from_cache(key.credential) is not None


def test_event_loop_leaves_a_page_on_the_disk_to_a_thread(
    here: Process, there: Process, key: IssuedKey, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_disk(*_: object) -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    assert here.passes(key.credential)
    monkeypatch.setattr(os, "preadv", on_disk)
    assert there.authenticator.authenticate_from_cache(key.credential) is None
    assert there.passes(key.credential)
    assert len(database.asked) == 1, "the thread takes it from the file"


def test_page_is_read_where_the_kernel_cannot_say_whether_it_is_in_memory(
    here: Process, there: Process, key: IssuedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    assert here.passes(key.credential)
    monkeypatch.setattr(os, "preadv", unknown)
    assert there.authenticator.authenticate_from_cache(key.credential) is not None


def test_failing_disk_costs_a_read_in_each_process(
    here: Process, there: Process, key: IssuedKey, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    for process in (here, there):
        assert process.passes(key.credential)
        assert process.follow()
        assert process.passes(key.credential)
    assert len(database.asked) == 2


def test_last_space_of_the_disk_is_left_to_others(
    here: Process, there: Process, key: IssuedKey, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_file, "MIN_FREE_BYTES", 1 << 60)
    for process in (here, there):
        assert process.passes(key.credential)
    assert len(database.asked) == 2


def test_directory_without_rights_costs_a_read_in_each_process(
    start: Start, key: IssuedKey, database: Database, tmp_path: Path, path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def denied(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    # The tests may run as root, which no mode stops.
    monkeypatch.setattr(os, "open", denied)
    one, other = start(), start()
    assert one.passes(key.credential)
    assert other.passes(key.credential)
    assert len(database.asked) == 2
    assert not path.exists()
    assert one.cache._shared is not None
    assert not one.cache._shared._waiting, "nothing that is never written"


def test_imported_digest_is_not_written(here: Process, key: IssuedKey) -> None:
    """It may be one without a key, and the first use of the token doesn't replace it in the file."""
    shared = here.cache._shared
    assert shared is not None
    assert here.passes(key.credential)
    record = here.cache.cached_at_any_age(key.key.key_id)
    assert record is not None
    shared.remove([key.key.key_id])
    foreign = SecretRecord(b"x" * 32, f"{FOREIGN}sha256", 1, None)
    shared.add([replace(record, secrets=(*record.secrets, foreign))], here.seconds, 1)
    assert shared.find(key.key.key_id) is None
    shared.add([record], here.seconds, 1)
    assert shared.find(key.key.key_id) is not None


def test_waiting_records_are_bounded(
    here: Process, key: IssuedKey, service: ConfigService, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = here.cache._shared
    assert isinstance(shared, SharedRecords)
    here.passes(key.credential)
    record = here.cache.cached_at_any_age(key.key.key_id)
    assert record is not None
    ahead = [record.__class__(**{**{n: getattr(record, n) for n in record.__slots__}, "as_of": 10**9})]
    for _ in range(20_000 // 100):
        shared.add(ahead * 100, 100.0, 1)
    assert len(shared._waiting) == 10_000
