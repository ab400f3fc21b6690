"""Output of a new secret: standard output, or a file that didn't exist."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from latchkey.cli.errors import CLIError
from latchkey.cli.output import OutputError, ReaderClosed, discard_stdout, write_line
from latchkey.cli.table import format_fields

if TYPE_CHECKING:
    from latchkey.client.key import IssuedKey

_SECRET_FIELDS: Final = ("secret", "credential")
_SHOWN: Final = ("key_id", "label", "owner", "scopes", "rate_limit", "state", "expires_at")


class SecretLost(Exception):
    """The new secret couldn't be written anywhere, and the key `key_id` has it nevertheless."""

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id)
        self.key_id = key_id


class SecretOutput:
    """Destination of the new credential: `file`, with mode 0600, or standard output."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._written = False

    @contextmanager
    def prepared(self) -> Iterator["SecretOutput"]:
        """Create the file, and remove it if the credential wasn't written. Raises CLIError."""
        if self._file is not None:
            # Do this before a secret is made: it can't be requested again if the file turns out to be unwritable.
            _create_file(self._file)
        try:
            yield self
        finally:
            if self._file is not None and not self._written:
                self._file.unlink(missing_ok=True)

    def write_credential(self, issued: "IssuedKey", *, as_json: bool) -> None:
        """Write the credential, and show the other fields of the key. Raises SecretLost."""
        try:
            if self._file is not None:
                _write_file(self._file, issued.credential.reveal())
                self._written = True
            self._show(issued, as_json=as_json)
        except (OSError, ReaderClosed, OutputError):
            discard_stdout()
            # If the credential is in its file, only the display failed.
            if not self._written:
                raise SecretLost(issued.key.key_id) from None

    def _show(self, issued: "IssuedKey", *, as_json: bool) -> None:
        document: Mapping[str, Any] = issued.key.document
        in_file = self._file is not None
        if as_json:
            shown = {name: value for name, value in document.items() if not (in_file and name in _SECRET_FIELDS)}
            write_line(json.dumps(shown, indent=2, ensure_ascii=False))
            return
        print(format_fields({name: document[name] for name in _SHOWN if name in document}), file=sys.stderr)
        if in_file:
            print(f"The credential is in {self._file}, mode 0600.", file=sys.stderr, flush=True)
        else:
            print(
                "The credential is shown only once. Store it now, for example in a secret manager.",
                file=sys.stderr,
                flush=True,
            )
            write_line(issued.credential.reveal())


def _create_file(file: Path) -> None:
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise CLIError("The secret file already exists", f"{file} is not overwritten.", "Use another path.") from None
    except OSError as error:
        raise CLIError("The secret file cannot be created", f"{file}: {error.strerror}.", "Use another path.") from None


def _write_file(file: Path, credential: str) -> None:
    """Write the credential into the file that `_create_file` created. Raises OSError."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_NOFOLLOW), "w", encoding="ascii") as opened:
        opened.write(credential + "\n")
        # The credential isn't returned again, so it has to survive a crash of the machine.
        opened.flush()
        os.fsync(opened.fileno())
