"""Where the code is, and the directory that `.env` and, unless DATA_DIR is set, `var/` are in."""

import os
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

BASE_DIR: Final = Path(__file__).resolve().parent.parent
# The wheel `latchkey-server` has this tree in its package: see deploy/wheels.py.
INSTALLED: Final = BASE_DIR.parts[-2:] == ("latchkey_server", "tree")
START_COMMAND: Final = "latchkey-server" if INSTALLED else "make run"


def home_dir() -> Path:
    """Return the source tree or, for an installed program, `latchkey` in XDG_DATA_HOME. Raise ImproperlyConfigured.

    An installed program doesn't use the current directory: there it could read the `.env` of another project, with
    that project's SECRET_KEY and DATABASE_URL.
    """
    if not INSTALLED:
        return BASE_DIR
    shared = Path(os.environ.get("XDG_DATA_HOME", ""))
    try:
        # The specification of the XDG base directories ignores relative paths.
        return (shared if shared.is_absolute() else Path.home() / ".local/share") / "latchkey"
    except RuntimeError:
        raise ImproperlyConfigured("XDG_DATA_HOME: set it, because this account has no home directory.") from None
