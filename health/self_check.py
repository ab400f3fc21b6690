"""`python -m health.self_check`: asks the server of this container for its health, with the key that it made at start.

Imports neither Django nor the client: it runs every few seconds.
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
    """How the server is asked: where it listens, the name that it answers to, and the credential."""

    host: str
    port: int
    name: str
    credential: str

    @classmethod
    def of_bind(cls, host: str, port: int, *, name: str, credential: str) -> "SelfCheck":
        """That of a server which listens on `host`: on all addresses, it is asked on the loopback one."""
        return cls({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, name, credential)  # noqa: S104 - is read

    @classmethod
    def read(cls, path: Path) -> "SelfCheck":
        """What `write` wrote. Raises OSError, ValueError."""
        _refuse_of_others(path)
        try:
            return cls(**json.loads(path.read_bytes()))
        except TypeError:
            raise ValueError("it was not written by a server of this version") from None

    def write(self, path: Path) -> None:
        """Puts it in a file of mode 0600 in a directory of mode 0700, whole. Raises OSError."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_of_others(path.parent)
        descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)
            Path(draft).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(draft).unlink()
            raise

    def fault(self) -> str | None:
        """What is wrong with the server; None where it serves, be it with a guard rail in breach."""
        sent = {"Host": self.name, headers.API_KEY: self.credential, "Accept": "application/json"}
        try:
            with closing(HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS)) as connection:
                connection.request("GET", "/health/full", headers=sent)
                answer = connection.getresponse()
                body = json.loads(answer.read(MAX_BODY))
        except (OSError, HTTPException, ValueError) as error:
            return f"the server does not answer: {error or type(error).__name__}"
        if answer.status == 200 and body.get("status") in ("ok", "degraded"):
            return None
        if answer.status == 429:  # asked more often than its key may, and so alive
            return None
        return f"{answer.status} {body.get('title', 'no health')}: {body.get('detail', '')}".strip()


def _refuse_of_others(path: Path) -> None:
    """Raises PermissionError for a file or directory that others own, may read or write, or that is a link."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EACCES, f"{path} has to belong to this user, and to be closed to others")


def server_name() -> str:
    """The name of this host: a container's id, as a rule."""
    return socket.gethostname()


def main(arguments: Sequence[str]) -> int:
    """0 where the server serves; 1, with one line on standard error, where it does not."""
    path = os.environ.get("HEALTH_CHECK_FILE", "") if not arguments else arguments[0]
    if not path:
        print("latchkey: HEALTH_CHECK_FILE: is not set, so serve made no key to ask with.", file=sys.stderr)
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
