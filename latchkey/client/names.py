"""Names of plans, owners and limits in paths."""

import re
from typing import Final

_NAME: Final = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,128}")


def named_path(collection: str, name: str) -> str:
    """Return the path of what has this name in a collection. Raises ValueError for a text that can't be a name."""
    # Otherwise a text with a slash or a question mark would lead to another path. The server knows the exact rule.
    if not _NAME.fullmatch(name):
        raise ValueError("a name must be letters, digits, '.', '_' or '-'; an owner is named by its slug")
    return f"{collection}/{name}"
