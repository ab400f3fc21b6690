"""manage.py ctl: the remote CLI, where only the server is installed."""

import os
import sys
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand

from latchkey.cli.main import main

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - read, not bound to


class Command(BaseCommand):
    """Runs `latchkey` with everything that stands behind `ctl`: its options are its own, and Django reads none."""

    help = "The remote CLI, as the command latchkey: manage.py ctl --help."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        sys.exit(main(argv[2:], server_url=_server_url()))

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(main([str(argument) for argument in args], server_url=_server_url()))


def _server_url() -> str:
    """Return the address of the server that these settings are for: PUBLIC_URL, else by BIND and PORT."""
    if os.environ.get("PUBLIC_URL"):
        return str(settings.PUBLIC_URL)
    try:
        bind = urlsplit(f"//{os.environ.get('BIND') or ''}")
        host, port = bind.hostname or "localhost", bind.port or settings.PORT
    except ValueError:  # `serve` says what is wrong with it
        host, port = "localhost", settings.PORT
    name = "localhost" if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"
