"""Resume file: remembers which event was printed last."""

import os
import tempfile
from pathlib import Path

from latchkey.cli.errors import CLIError


class ResumeFile:
    """A file with one event's ID. It's complete at every moment, even if the process is killed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int | None:
        """Return the ID, or None if there is no file yet. Raises CLIError if the file holds something else."""
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            text = ""
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise CLIError(
                "The resume file is invalid",
                f"{self._path} does not contain an event ID.",
                "Use a file that does not exist yet, or one that events tail created.",
            )
        return int(text)

    def write(self, event_id: int) -> None:
        """Store the ID. Raises CLIError."""
        try:
            # Write a new file and rename it: a process that is killed leaves the old file or the new one.
            descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            with os.fdopen(descriptor, "w", encoding="ascii") as draft:
                draft.write(f"{event_id}\n")
            Path(name).replace(self._path)
        except OSError as error:
            remedy = "Use a file in a directory that you can write to."
            raise CLIError("The resume file cannot be written", f"{self._path}: {error.strerror}.", remedy) from None
