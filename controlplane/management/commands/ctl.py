"""manage.py ctl: the remote CLI, for machines that have only the server installed."""

import os
import sys
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand

from latchkey.cli.main import main

_ALL_ADDRESSES: Final = ("0.0.0.0", "::")  # noqa: S104 - read, not bound to


class Command(BaseCommand):
    """Command that passes all arguments after `ctl` to `latchkey`. Django parses none of them."""

    help = "Run the remote CLI, like the command latchkey. See manage.py ctl --help."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        sys.exit(_run(argv[2:]))

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(_run([str(argument) for argument in args]))


def _run(arguments: list[str]) -> int:
    return main(arguments, server_url=_server_url(), api_key_header=settings.CREDENTIAL_HEADERS.names[0])


def _server_url() -> str:
    """Return the address of the server of these settings: PUBLIC_URL, or otherwise an address from BIND and PORT."""
    # The remote CLI needs the proxy in front of a Unix socket.
    if os.environ.get("PUBLIC_URL") or (os.environ.get("BIND") or "").startswith("unix:"):
        return str(settings.PUBLIC_URL)
    try:
        bind = urlsplit(f"//{os.environ.get('BIND') or ''}")
        host, port = bind.hostname or "localhost", bind.port or settings.PORT
    # BIND is invalid. `serve` reports that.
    except ValueError:
        host, port = "localhost", settings.PORT
    name = "localhost" if host in _ALL_ADDRESSES else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"
