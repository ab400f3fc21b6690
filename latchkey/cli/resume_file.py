"""The file that remembers which event was printed last."""

import os
import tempfile
from pathlib import Path

from latchkey.cli.refusal import Refusal


class ResumeFile:
    """Holds one event's id. Each write puts a new file in the place of the old one, so that whoever ends this process
    leaves a whole one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int | None:
        """The id; None where there is no file yet. Raises Refusal for a file of something else."""
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            text = ""
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise Refusal(
                "The resume file cannot be used",
                f"{self._path} holds no event's id.",
                "Name a file that is not there yet, or one that events tail has made.",
            )
        return int(text)

    def write(self, event_id: int) -> None:
        """Remembers the id. Raises Refusal."""
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            with os.fdopen(descriptor, "w", encoding="ascii") as draft:
                draft.write(f"{event_id}\n")
            Path(name).replace(self._path)
        except OSError as error:
            remedy = "Name a file in a directory that you may write."
            raise Refusal("The resume file cannot be written", f"{self._path}: {error.strerror}.", remedy) from None
