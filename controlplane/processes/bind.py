"""Address of `manage.py serve`: --bind, or the socket that systemd opened. Each failure is a one-line CommandError."""

import grp
import socket
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.management.base import CommandError

from httpserver import unix_socket
from httpserver.descriptors import own_limits
from httpserver.inherited_socket import DESCRIPTOR, inherited_address
from latchkey.cli.exit_codes import REFUSED

UNIX: Final = "unix:"
_FORM: Final = "--bind: must be HOST:PORT, such as 127.0.0.1:8000, or unix:/PATH."


@dataclass(frozen=True, slots=True)
class Bind:
    """Host and port, or the absolute path of a Unix socket. `inherited`: systemd opened it, and keeps it open."""

    host: str = ""
    port: int = 0
    path: str = ""
    inherited: bool = False

    def __str__(self) -> str:
        if self.path:
            return f"{UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address for people: http://HOST:PORT, or unix:/PATH."""
        return str(self) if self.path else f"http://{self}"

    @property
    def name(self) -> str:
        """Name that can be part of a file's name."""
        return "unix" if self.path else f"{self.host}-{self.port}"

    @property
    def for_gunicorn(self) -> str:
        """The address in gunicorn's form."""
        return f"fd://{DESCRIPTOR}" if self.inherited else str(self)


def inherited_bind() -> Bind | None:
    """Return the socket that systemd opened, or None."""
    try:
        address = inherited_address()
    except ValueError as error:
        raise CommandError(f"LISTEN_FDS: {error}.", returncode=REFUSED) from None
    if address is None:
        return None
    if isinstance(address, str):
        return Bind(path=address, inherited=True)
    return Bind(*address, inherited=True)


def parse_bind(bind: str) -> Bind:
    """Return the address in HOST:PORT or unix:/PATH. It must be well-formed and not in use."""
    if bind.startswith(UNIX):
        return _parse_unix(bind.removeprefix(UNIX))
    host, separator, port = bind.rpartition(":")
    if not (separator and host and port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise CommandError(_FORM, returncode=REFUSED)
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise CommandError(f"--bind: put the IPv6 address in brackets, as in [{host}]:{port}.", returncode=REFUSED)
    bare = host.strip("[]")
    try:
        family = socket.getaddrinfo(bare, int(port), type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            # Like the server itself: without it, connections of an earlier server in TIME_WAIT would make the port
            # look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((bare, int(port)))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a valid host"
        raise CommandError(
            f"--bind: {bind} cannot be used: {reason}. Set another with PORT or --bind.", returncode=REFUSED
        ) from None
    return Bind(bare, int(port))


def open_unix_socket(bind: Bind) -> socket.socket | None:
    """Return the listening socket if `bind` is a Unix socket that this server has to open, with its mode and group."""
    if not bind.path or bind.inherited:
        return None
    group_id = _group_id(settings.SOCKET_GROUP)
    try:
        return unix_socket.listen(bind.path, mode=settings.SOCKET_MODE, group_id=group_id, backlog=own_limits().backlog)
    except OSError as error:
        raise _unusable(bind.path, error) from None


def _parse_unix(path: str) -> Bind:
    if not path.startswith("/") or not path.isprintable():
        raise CommandError(_FORM, returncode=REFUSED)
    # Now, so that a wrong group is reported before anything starts.
    _group_id(settings.SOCKET_GROUP)
    try:
        unix_socket.require_free(path)
    except OSError as error:
        raise _unusable(path, error) from None
    return Bind(path=path)


def _group_id(group: str) -> int | None:
    if not group:
        return None
    # A container's group may have a number and no name.
    if group.isascii() and group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise CommandError(f"SOCKET_GROUP: this host has no group {group}.", returncode=REFUSED) from None


def _unusable(path: str, error: OSError) -> CommandError:
    text = f"--bind: {UNIX}{path} cannot be used: {error.strerror or error}. Set another with --bind."
    return CommandError(text, returncode=REFUSED)
