"""A terminal in the place of a standard stream."""

import io


class Terminal(io.StringIO):
    """What was typed, or what was written, on a terminal."""

    def isatty(self) -> bool:
        return True
