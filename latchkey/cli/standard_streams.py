"""Standard streams that the parent process closed."""

import os
import sys
from typing import Final

_MODES: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_standard_streams() -> None:
    """Replace each closed standard stream with /dev/null.

    Standard output becomes a stream that can't be written.
    """
    for number, (name, mode) in enumerate(_MODES):
        # Otherwise a file or socket that is opened later gets this number, and everything that is printed.
        if getattr(sys, name) is None:
            # Reading only, also for standard output: a new secret must not get lost unnoticed.
            flags = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            descriptor = os.open(os.devnull, flags)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
