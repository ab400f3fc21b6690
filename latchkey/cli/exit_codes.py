"""Exit codes of the command."""

from typing import Final

DONE: Final = 0
REFUSED: Final = 2
COULD_NOT: Final = 3
INTERRUPTED: Final = 130

OUTCOMES: Final = {DONE: "done", REFUSED: "refused", COULD_NOT: "could-not", INTERRUPTED: "interrupted"}
