"""Standard streams that whoever started the command has closed."""

import os
import sys
from typing import Final

_MODES: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_standard_streams() -> None:
    """Put /dev/null in the place of each closed one, so that no file or socket that is opened later gets its number and
    with it what is printed. Standard output becomes one that cannot be written: a new secret must not get lost unseen.
    """
    for number, (name, mode) in enumerate(_MODES):
        if getattr(sys, name) is None:
            flags = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            descriptor = os.open(os.devnull, flags)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
