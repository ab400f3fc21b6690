"""`python -m health.self_check`: asks the server of this container for its health, with the key it made at start.

It imports neither Django nor the client, because it runs every few seconds.
"""

import errno
import json
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from latchkey import headers

TIMEOUT_SECONDS: Final = 4.0
MAX_BODY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """How to ask the server: where it listens, the host name that it accepts, the credential and its header field.

    `socket` is the path of its Unix socket, or "".
    """

    host: str
    port: int
    name: str
    credential: str
    credential_header: str
    socket: str = ""

    @classmethod
    def of_bind(
        cls, host: str, port: int, *, name: str, credential: str, credential_header: str, socket: str = ""
    ) -> "SelfCheck":
        """Return the check of a server that listens on `host`."""
        # A server that listens on all addresses is asked on the loopback address.
        loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - is read
        return cls(loopback.get(host, host), port, name, credential, credential_header, socket)

    @classmethod
    def read(cls, path: Path) -> "SelfCheck":
        """Return what `write` wrote. Raises OSError and ValueError."""
        _require_private(path)
        try:
            return cls(**json.loads(path.read_bytes()))
        except TypeError:
            raise ValueError("it was not written by a server of this version") from None

    def write(self, path: Path) -> None:
        """Write the check into a file with mode 0600 in a directory with mode 0700, all or nothing. Raises OSError."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_private(path.parent)
        # mkstemp() creates the file with mode 0600.
        descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)
            Path(draft).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(draft).unlink()
            raise

    def fault(self) -> str | None:
        """Return what is wrong with the server, or None if it serves, even with a violated guard rail."""
        credential = headers.credential_field(self.credential_header, self.credential)
        sent = {"Host": self.name, **credential, "Accept": "application/json"}
        try:
            with closing(self._connection()) as connection:
                connection.request("GET", "/health/full", headers=sent)
                response = connection.getresponse()
                body = json.loads(response.read(MAX_BODY))
        except (OSError, HTTPException, ValueError) as error:
            return f"the server does not respond: {error or type(error).__name__}"
        if response.status == 200 and body.get("status") in ("ok", "degraded"):
            return None
        # It's asked more often than its key may, and so it's alive.
        if response.status == 429:
            return None
        return f"{response.status} {body.get('title', 'no health')}: {body.get('detail', '')}".strip()

    def _connection(self) -> HTTPConnection:
        return (
            _UnixConnection(self.socket)
            if self.socket
            else HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS)
        )


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_SECONDS)
        self.sock.connect(self._path)


def _require_private(path: Path) -> None:
    """Raise PermissionError for a link, and for a path that others own or may read or write."""
    # Others could replace the server's address or read the credential.
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EACCES, f"{path} must belong to this user and be inaccessible to others")


def server_name() -> str:
    """Return the name of this host, usually a container's ID."""
    return socket.gethostname()


def main(arguments: Sequence[str]) -> int:
    """Return 0 if the server serves, otherwise 1 after one line on standard error."""
    path = os.environ.get("HEALTH_CHECK_FILE", "") if not arguments else arguments[0]
    if not path:
        print("latchkey: HEALTH_CHECK_FILE: is not set, so serve created no key for the health check.", file=sys.stderr)
        return 1
    try:
        fault = SelfCheck.read(Path(path)).fault()
    except OSError as error:
        fault = f"HEALTH_CHECK_FILE: {error.strerror}; serve writes it when it starts"
    except ValueError as error:
        fault = f"HEALTH_CHECK_FILE: {error}"
    if fault:
        print(f"latchkey: {fault}", file=sys.stderr)
    return int(fault is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
