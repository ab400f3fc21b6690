"""Output of a new secret: standard output, or a file that didn't exist."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from latchkey.cli.errors import CLIError
from latchkey.cli.output import OutputError, ReaderClosed, discard_stdout, write_document, write_line
from latchkey.cli.table import format_fields
from latchkey.cli.view import Format, View
from latchkey.credentials import SECRET_FIELDS

if TYPE_CHECKING:
    from latchkey.client.key import IssuedKey
    from latchkey.client.webhook import IssuedWebhook

_KEY_FIELDS: Final = ("key_id", "label", "owner", "scopes", "rate_limit", "state", "expires_at")
_WEBHOOK_FIELDS: Final = ("id", "url", "label", "event_types", "enabled")


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that is shown only now. `text` is the secret, `kind` its name, and `owner` the ID of what has it.

    `document` is the response, of which people see the fields `shown`. `again` is the command that makes another one.
    `one_token` is its other form, for people alone.
    """

    text: str = field(repr=False)
    kind: str
    owner: str
    document: Mapping[str, Any] = field(repr=False)
    shown: tuple[str, ...]
    again: str
    one_token: str | None = field(default=None, repr=False)


class SecretLost(Exception):
    """The new secret couldn't be written anywhere, and the key or webhook `owner` has it nevertheless.

    `again` is the command that makes another one.
    """

    def __init__(self, owner: str, again: str) -> None:
        super().__init__(owner)
        self.owner = owner
        self.again = again


class SecretOutput:
    """Destination of a new secret: `file`, with mode 0600, or standard output. `view` is how the rest is shown."""

    def __init__(self, file: Path | None, view: View) -> None:
        self._file = file
        self._view = view
        self._written = False

    @contextmanager
    def prepared(self) -> Iterator["SecretOutput"]:
        """Create the file, and remove it if the secret wasn't written. Raises CLIError."""
        if self._view.format in (Format.CSV, Format.NAME):
            remedy = "Use --output table, json or yaml."
            raise CLIError("A new secret can't be shown like this", "Nothing was changed.", remedy)
        if self._file is not None:
            # Do this before a secret is made: it can't be requested again if the file turns out to be unwritable.
            _create_file(self._file)
        try:
            yield self
        finally:
            if self._file is not None and not self._written:
                self._file.unlink(missing_ok=True)

    def write_credential(self, issued: "IssuedKey") -> None:
        """Write the credential of a key, and show the other fields of the key. Raises SecretLost."""
        key, credential = issued.key, issued.credential
        again = f"latchkey keys rotate {key.key_id} --at-once"
        one_token = credential.reveal_as_one_token()
        new = NewSecret(credential.reveal(), "credential", key.key_id, key.document, _KEY_FIELDS, again, one_token)
        self._write(new)

    def write_signing_secret(self, issued: "IssuedWebhook") -> None:
        """Write the signing secret of a webhook, and show the webhook's other fields. Raises SecretLost."""
        webhook = issued.webhook
        again = f"latchkey webhooks rotate-secret {webhook.id} --at-once"
        new = NewSecret(issued.secret, "signing secret", webhook.id, webhook.document, _WEBHOOK_FIELDS, again)
        self._write(new)

    def _write(self, new: NewSecret) -> None:
        try:
            if self._file is not None:
                _write_file(self._file, new.text)
                self._written = True
            self._show(new)
        except (OSError, ReaderClosed, OutputError):
            discard_stdout()
            # If the secret is in its file, only the display failed.
            if not self._written:
                raise SecretLost(new.owner, new.again) from None

    def _show(self, new: NewSecret) -> None:
        in_file = self._file is not None
        if not self._view.is_table:
            self._show_document(
                {name: value for name, value in new.document.items() if not (in_file and name in SECRET_FIELDS)}
            )
            return
        fields = {name: new.document[name] for name in new.shown if name in new.document}
        print(format_fields(fields), file=sys.stderr)
        if in_file:
            print(f"The {new.kind} is in {self._file}, mode 0600.", file=sys.stderr, flush=True)
        else:
            print(
                f"The {new.kind} is shown only once. Store it now, for example in a secret manager.",
                file=sys.stderr,
                flush=True,
            )
            write_line(new.text)
            # A person sees both forms. Elsewhere a log may record standard error, and must not get the secret.
            if new.one_token and sys.stdout.isatty() and sys.stderr.isatty():
                print(f"The same as one token: {new.one_token}", file=sys.stderr, flush=True)

    def _show_document(self, document: Mapping[str, Any]) -> None:
        try:
            write_document(document, self._view)
        except CLIError:
            # The expression of --jq failed. The secret isn't returned again, so write everything.
            write_document(document, View(Format.JSON))
            raise


def _create_file(file: Path) -> None:
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise CLIError("The secret file already exists", f"{file} is not overwritten.", "Use another path.") from None
    except OSError as error:
        raise CLIError("The secret file cannot be created", f"{file}: {error.strerror}.", "Use another path.") from None


def _write_file(file: Path, secret: str) -> None:
    """Write the secret into the file that `_create_file` created. Raises OSError."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_NOFOLLOW), "w", encoding="ascii") as opened:
        opened.write(secret + "\n")
        # The secret isn't returned again, so it has to survive a crash of the machine.
        opened.flush()
        os.fsync(opened.fileno())
