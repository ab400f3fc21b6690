"""Checks before `manage.py serve` starts anything. Each failure is a one-line CommandError."""

from pathlib import Path
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError

from apikeys.config_service import ConfigService
from apikeys.system_keys import replace_system_key
from controlplane.processes.bind import Bind
from controlplane.processes.schema_check import database_unavailable
from events.origin import Origin
from health.node.data_dir_lock import DataDirInUse, acquire_data_dir_locks
from health.self_check import SelfCheck, server_name
from httpserver.descriptors import MIN_DESCRIPTORS, raise_limit
from latchkey.cli.exit_codes import COULD_NOT, REFUSED
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError
from ratelimit.stores.base import BucketStoreUnavailable
from ratelimit.stores.fallback_mode import FallbackMode
from ratelimit.stores.redis.address import RedisAddress, parse_address
from ratelimit.stores.redis.diagnosis import permanent_fault

log = structlog.get_logger(__name__)


def raise_descriptor_limit() -> None:
    """Raise the limit on open files to its maximum. Raise CommandError if that is still too low."""
    limit = raise_limit()
    if limit < MIN_DESCRIPTORS:
        raise CommandError(
            f"The limit on open files is {limit}, but Latchkey needs at least {MIN_DESCRIPTORS}. Raise it: ulimit -Hn.",
            returncode=REFUSED,
        )


def lock_data(data_dir: Path) -> tuple[int, ...]:
    """Lock DATA_DIR and the SQLite file. Return the descriptors. Raise CommandError if they are in use."""
    try:
        return acquire_data_dir_locks(data_dir)
    except DataDirInUse as error:
        raise CommandError(
            f"DATA_DIR: another server or a restore is using {error}. Wait until it ends, or use another.",
            returncode=REFUSED,
        ) from None
    except OSError as error:
        raise CommandError(f"DATA_DIR: {data_dir} cannot be used: {error.strerror}.", returncode=REFUSED) from None


def run_first_start(file: Path | None, bind: Bind) -> None:
    """Run the first_start command, and turn a database error into a CommandError."""
    try:
        call_command("first_start", file=file, socket=bind.path)
    except DatabaseError as error:
        raise database_unavailable(error) from None


def check_bucket_store() -> None:
    """Raise CommandError if the bucket store does not work.

    A remote store that is unreachable is accepted if a fallback is configured (other than deny): a server that
    starts during an outage then behaves like the running ones. A permanent fault, such as an unknown host name, is
    an error, unless this node has reached the same address before.
    """
    limiter = default_limiter()
    try:
        limiter.store.generation()
        if limiter.store.remote:
            _last_reached_file().write_text(parse_address(settings.BUCKET_STORE_URL).redacted)
    except BucketStoreError as error:
        if not isinstance(error, BucketStoreUnavailable) or limiter.fallback in ("", FallbackMode.DENY):
            raise CommandError(f"BUCKET_STORE_URL: {error}", returncode=COULD_NOT) from None
        address = parse_address(settings.BUCKET_STORE_URL)
        # In an outage, the name of a container may be unknown to DNS too, which looks like a permanent fault.
        if not _was_reached(address) and (fault := permanent_fault(address)):
            raise CommandError(f"BUCKET_STORE_URL: {fault}", returncode=REFUSED) from None
        log.warning("bucket_store_away_at_start", reason=str(error), fallback=limiter.fallback)
    finally:
        limiter.store.close()


def _last_reached_file() -> Path:
    """Return the path of the file that names the remote bucket store this node reached last, without its password."""
    return Path(settings.DATA_DIR) / "bucket-store-reached"


def _was_reached(address: RedisAddress) -> bool:
    try:
        return _last_reached_file().read_text() == address.redacted
    except OSError:
        return False


def create_health_check_key(bind: Bind, path: Path) -> None:
    """Create the key for the server's own health check, and write its credential to `path`."""
    service = ConfigService(Origin.of_command("serve"))
    label = f"health check of {server_name()}, {bind}"
    credential = replace_system_key(service, label=label, scopes=["health:read"]).credential
    public = urlsplit(settings.PUBLIC_URL)
    name = f"{public.hostname}:{public.port}" if public.port else str(public.hostname)
    try:
        check = SelfCheck.of_bind(
            bind.host,
            bind.port,
            name=name,
            credential=credential.reveal(),
            credential_header=settings.CREDENTIAL_HEADERS.names[0],
            socket=bind.path,
        )
        check.write(path)
    except OSError as error:
        raise CommandError(
            f"HEALTH_CHECK_FILE: {path} cannot be written: {error.strerror}.", returncode=REFUSED
        ) from None


def prepare_metrics_directory(path: Path) -> Path:
    """Create the directory for the workers' metric files, delete the files of an earlier run, and return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in path.glob("*.db"):
        leftover.unlink()
    return path
