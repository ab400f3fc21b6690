"""manage.py serve: starts the web server and the steward."""

import os
import socket
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from apikeys.authenticator import default_authenticator
from apikeys.cache.key_cache import default_key_cache
from controlplane.command_line import enable_gc
from controlplane.processes import preflight
from controlplane.processes.bind import Bind, inherited_bind, open_unix_socket, parse_bind
from controlplane.processes.children import Program, exit_on_stop_signal
from controlplane.processes.schema_check import check_schema
from controlplane.processes.steward import run_steward
from controlplane.processes.supervisor import Supervisor
from health import self_check
from httpserver import unix_socket
from httpserver.readiness import Readiness
from latchkey.arguments import whole_number
from latchkey.cli.exit_codes import REFUSED
from ratelimit.limiter import default_limiter


class Command(BaseCommand):
    """Command that runs all startup checks, and then the server."""

    # `handle` runs them once it knows the number of workers.
    requires_system_checks = []
    help = "Serve: gunicorn with uvicorn workers, and one steward. Ctrl-C stops both."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bind",
            metavar="ADDRESS",
            default=f"127.0.0.1:{settings.PORT}",
            help=f"HOST:PORT or unix:/PATH; default: 127.0.0.1:{settings.PORT}",
        )
        parser.add_argument(
            "--first-start", action="store_true", help="first migrate, and create what a new installation needs"
        )
        parser.add_argument(
            "--first-start-file",
            type=Path,
            metavar="FILE",
            help="like --first-start, but write the secrets to this file",
        )
        parser.add_argument(
            "--no-steward", action="store_true", help="a steward runs elsewhere; only maintain this node"
        )
        parser.add_argument(
            "--workers", type=whole_number(), metavar="N", default=settings.WORKERS, help=f"default: {settings.WORKERS}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        exit_on_stop_signal()
        settings.WORKERS = options["workers"]
        self.check()
        if not 1 <= settings.WORKERS <= 256:
            raise CommandError("--workers: must be from 1 to 256.", returncode=REFUSED)
        preflight.raise_descriptor_limit()
        bind = inherited_bind() or parse_bind(options["bind"])
        if bind.port:
            _apply_port(bind.port)
        # The descriptors stay open until the last process of this server has ended, which releases the lock.
        preflight.lock_data(settings.DATA_DIR)
        if options["first_start"] or options["first_start_file"]:
            preflight.run_first_start(options["first_start_file"], bind)
        check_schema()
        preflight.check_bucket_store()
        environment = _common_environment(bind)
        readiness = Readiness()
        web_environment = {
            **environment,
            "LATCHKEY_BIND": bind.for_gunicorn,
            "WORKERS": str(settings.WORKERS),
            "LATCHKEY_READY_FD": str(readiness.descriptor),
        }
        check_file = settings.HEALTH_CHECK_FILE
        check = _self_check_program(bind, check_file, environment) if check_file else None
        _preload()
        # As late as possible: a proxy should get an error immediately until this server is about to respond.
        listening = open_unix_socket(bind)
        workers = f"{settings.WORKERS} workers" if settings.WORKERS > 1 else "1 worker"
        ready_message = f"Latchkey serves on {bind.url} with {workers}. Press Ctrl-C to stop."
        supervisor = Supervisor(
            Program("web server", partial(_serve_web, listening), web_environment),
            _steward_program(options["no_steward"], environment),
            check,
            readiness=readiness,
            on_ready=lambda: self._inform(ready_message),
            delay_seconds=settings.SHUTDOWN_DELAY_SECONDS,
        )
        status = supervisor.run()
        # The workers have removed it, unless they were killed.
        unix_socket.remove(bind.path)
        self._inform("Latchkey has stopped." if status == 0 else f"Latchkey's web server exited with status {status}.")
        sys.exit(status)

    def _inform(self, text: str) -> None:
        # style_func=str: this is information, so it is not colored like an error.
        self.stderr.write(text, style_func=str)


def _apply_port(port: int) -> None:
    """Use this port in the default of PUBLIC_URL, because `--bind` may differ from PORT."""
    settings.PORT = port
    if not os.environ.get("PUBLIC_URL"):
        settings.PUBLIC_URL = f"http://localhost:{port}"
        settings.CSRF_TRUSTED_ORIGINS = [settings.PUBLIC_URL]


def _common_environment(bind: Bind) -> dict[str, str]:
    """Return the environment variables that all processes of the server get in addition."""
    metrics = preflight.prepare_metrics_directory(settings.DATA_DIR / "metrics" / bind.name)
    return {
        "LATCHKEY_STARTED_AT": str(time.time()),
        "LOG_LEVEL": settings.LOG_LEVEL,
        "LOG_FORMAT": settings.LOG_FORMAT,
        "SHUTDOWN_DELAY_SECONDS": str(settings.SHUTDOWN_DELAY_SECONDS),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
    }


def _self_check_program(bind: Bind, file: Path, environment: dict[str, str]) -> Program:
    """Return the program of the health check, after creating its key in `file`."""
    preflight.create_health_check_key(bind, file)
    return Program("health check", partial(self_check.main, [str(file)]), environment)


def _preload() -> None:
    """Import everything that the child processes need, and close all connections that a fork would share."""
    import_module("controlplane.asgi")
    import_module("controlplane.processes.worker")
    # A database connection or an open store that two processes share would mix up their requests.
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
    for cache in (default_limiter, default_key_cache, default_authenticator):
        cache.cache_clear()
    enable_gc()


def _serve_web(listening: socket.socket | None) -> None:
    # Imported here, because the module reads the environment of the child process.
    from controlplane.processes.gunicorn_server import APPLICATION, WebServer

    WebServer(APPLICATION, listening).run()


def _steward_program(elsewhere: bool, environment: dict[str, str]) -> Program | None:
    """Return the program of the steward, or None if this server needs none.

    If another steward runs `elsewhere`, this one only maintains this node. With a local bucket store, the other
    steward runs on this host and maintains the node too.
    """
    if elsewhere and not default_limiter().store.remote:
        return None
    arguments = ["--node-only"] if elsewhere else []
    return Program("steward", partial(run_steward, arguments), {**environment, "LATCHKEY_STEWARD": uuid4().hex})
