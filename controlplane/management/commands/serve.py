"""manage.py serve: the web server and the steward."""

import os
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from apikeys.config_service import ConfigService
from apikeys.system_keys import replace_system_key
from controlplane.server.occupancy import Occupied, serve_on
from controlplane.server.supervisor import Program, Supervisor
from events.origin import Origin
from health.self_check import SelfCheck, server_name
from latchkey.redaction import redact
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError

REFUSED: Final = 2


class Command(BaseCommand):
    """Checks that the server can start, and starts it."""

    help = "Serve: gunicorn with uvicorn workers, and one steward beside it. Ctrl-C ends both."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bind",
            metavar="HOST:PORT",
            default=f"127.0.0.1:{settings.PORT}",
            help=f"default: 127.0.0.1:{settings.PORT}",
        )
        parser.add_argument(
            "--first-start", action="store_true", help="before that, migrate; make what a new installation needs"
        )
        parser.add_argument(
            "--first-start-file", type=Path, metavar="FILE", help="as --first-start, with the secrets in this file"
        )
        parser.add_argument("--no-steward", action="store_true", help="start none: one runs elsewhere")
        parser.add_argument(
            "--workers", type=int, metavar="N", default=settings.WORKERS, help=f"default: {settings.WORKERS}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        settings.WORKERS = options["workers"]
        self.check()  # again, as the number of workers is known only now
        if not 1 <= settings.WORKERS <= 256:
            raise CommandError("--workers: from 1 to 256.", returncode=REFUSED)
        host, port = _parse_bind(options["bind"])
        occupied = _occupy(settings.DATA_DIR)
        if options["first_start"] or options["first_start_file"]:
            _start_first(options["first_start_file"])
        _refuse_unmigrated()
        _refuse_broken_store()
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "controlplane.settings",
            "LATCHKEY_STARTED_AT": str(time.time()),
            "LOG_LEVEL": settings.LOG_LEVEL,
            "LOG_FORMAT": settings.LOG_FORMAT,
            "PORT": str(port),
            "PYTHONPATH": os.pathsep.join([str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]).rstrip(
                os.pathsep
            ),
        }
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(
            _empty_directory(settings.DATA_DIR / "metrics" / f"{host}-{port}")
        )
        web_environment = {**environment, "LATCHKEY_BIND": options["bind"], "WORKERS": str(settings.WORKERS)}
        gunicorn = ["-m", "gunicorn", "--config", "python:controlplane.server.gunicorn_conf"]
        web = Program([sys.executable, *gunicorn, "controlplane.asgi:application"], web_environment, (occupied,))
        steward = Program(
            [sys.executable, "-m", "controlplane.server.steward"],
            {**environment, "LATCHKEY_STEWARD": uuid4().hex},
            (occupied,),
        )
        if settings.HEALTH_CHECK_FILE:
            _make_health_check_key(host, port, settings.HEALTH_CHECK_FILE)
        workers = f"{settings.WORKERS} workers" if settings.WORKERS > 1 else "1 worker"
        self._say(f"Latchkey serves on http://{options['bind']} with {workers}. Ctrl-C stops it.")
        status = Supervisor(web, None if options["no_steward"] else steward).run()
        self._say("Latchkey has stopped." if status == 0 else f"Latchkey's web server ended with status {status}.")
        sys.exit(status)

    def _say(self, text: str) -> None:
        self.stderr.write(text, style_func=str)  # str: news, and not in the colour of an error


def _parse_bind(bind: str) -> tuple[str, int]:
    """Host and port, which must be free."""
    host, separator, port = bind.rpartition(":")
    if not (separator and host and port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise CommandError("--bind: must be HOST:PORT, such as 127.0.0.1:8000.", returncode=REFUSED)
    bare = host.strip("[]")
    try:
        family = socket.getaddrinfo(bare, int(port), type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((bare, int(port)))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no host"
        raise CommandError(
            f"--bind: {bind} cannot be used: {reason}. Take another with PORT or --bind.", returncode=REFUSED
        ) from None
    return bare, int(port)


def _occupy(data_dir: Path) -> int:
    try:
        return serve_on(data_dir)
    except Occupied:
        raise CommandError(f"DATA_DIR: a backup is being restored in {data_dir}.", returncode=REFUSED) from None


def _start_first(file: Path | None) -> None:
    try:
        call_command("first_start", file=file)
    except DatabaseError as error:
        raise _no_database(error) from None


def _no_database(error: DatabaseError) -> CommandError:
    return CommandError(f"DATABASE_URL: the database does not answer: {redact(str(error))}", returncode=3)


def _refuse_unmigrated() -> None:
    try:
        executor = MigrationExecutor(connection)
    except DatabaseError as error:
        raise _no_database(error) from None
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError("The database lacks migrations. Run: manage.py migrate", returncode=REFUSED)


def _refuse_broken_store() -> None:
    store = default_limiter().store
    try:
        store.generation()
        store.close()
    except BucketStoreError as error:
        raise CommandError(f"BUCKET_STORE_URL: {error}", returncode=3) from None


def _make_health_check_key(host: str, port: int, path: Path) -> None:
    service = ConfigService(Origin.of_command("serve"))
    label = f"health check of {server_name()}:{port}"
    credential = replace_system_key(service, label=label, scopes=["health:read"]).credential
    name = urlsplit(settings.PUBLIC_URL).netloc
    try:
        SelfCheck.of_bind(host, port, name=name, credential=credential.reveal()).write(path)
    except OSError as error:
        raise CommandError(
            f"HEALTH_CHECK_FILE: {path} cannot be written: {error.strerror}.", returncode=REFUSED
        ) from None


def _empty_directory(path: Path) -> Path:
    """The directory of the workers' metrics, without those of an earlier run."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in path.glob("*.db"):
        leftover.unlink()
    return path
