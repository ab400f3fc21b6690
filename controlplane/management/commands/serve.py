"""manage.py serve: the web server and the steward."""

import os
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.server import preflight
from controlplane.server.preflight import REFUSED
from controlplane.server.processes import end_when_asked
from controlplane.server.supervisor import Program, Supervisor
from ratelimit.limiter import default_limiter


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
        parser.add_argument(
            "--no-steward", action="store_true", help="one runs elsewhere: start none but for what is this node's own"
        )
        parser.add_argument(
            "--workers", type=int, metavar="N", default=settings.WORKERS, help=f"default: {settings.WORKERS}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        end_when_asked()
        settings.WORKERS = options["workers"]
        self.check()  # again, as the number of workers is known only now
        if not 1 <= settings.WORKERS <= 256:
            raise CommandError("--workers: from 1 to 256.", returncode=REFUSED)
        host, port = preflight.parse_bind(options["bind"])
        occupied = preflight.occupy(settings.DATA_DIR)
        if options["first_start"] or options["first_start_file"]:
            preflight.start_first(options["first_start_file"])
        preflight.refuse_unmigrated()
        preflight.refuse_broken_store()
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
            preflight.empty_directory(settings.DATA_DIR / "metrics" / f"{host}-{port}")
        )
        web_environment = {**environment, "LATCHKEY_BIND": options["bind"], "WORKERS": str(settings.WORKERS)}
        gunicorn = ["-m", "gunicorn", "--config", "python:controlplane.server.gunicorn_conf"]
        web = Program([sys.executable, *gunicorn, "controlplane.asgi:application"], web_environment, occupied)
        steward = _steward(options["no_steward"], environment, occupied)
        self_check = None
        if settings.HEALTH_CHECK_FILE:
            preflight.make_health_check_key(host, port, settings.HEALTH_CHECK_FILE)
            self_check = Program([sys.executable, "-m", "health.self_check"], environment)
        workers = f"{settings.WORKERS} workers" if settings.WORKERS > 1 else "1 worker"
        self._say(f"Latchkey serves on http://{options['bind']} with {workers}. Ctrl-C stops it.")
        status = Supervisor(web, steward, self_check).run()
        self._say("Latchkey has stopped." if status == 0 else f"Latchkey's web server ended with status {status}.")
        sys.exit(status)

    def _say(self, text: str) -> None:
        self.stderr.write(text, style_func=str)  # str: news, and not in the colour of an error


def _steward(elsewhere: bool, environment: dict[str, str], occupied: tuple[int, ...]) -> Program | None:
    """The steward beside the web server. Where one works `elsewhere`, it sees to this node alone; with a store that is
    this host's own, whoever works elsewhere sees it too, and none is needed.
    """
    if elsewhere and not default_limiter().store.remote:
        return None
    part = ["--node-only"] if elsewhere else []
    arguments = [sys.executable, "-m", "controlplane.server.steward", *part]
    return Program(arguments, {**environment, "LATCHKEY_STEWARD": uuid4().hex}, occupied)
