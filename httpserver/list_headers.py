"""List-valued header fields: overlong ones are dropped before anything parses them, because 30 KB cost milliseconds."""

from collections import Counter
from typing import Final

from httpserver.asgi_types import Fields

MAX_BYTES: Final = 1024
# Replacement for an overlong list: the value that means "no preference", or None to drop the field.
_INSTEAD: Final[dict[bytes, bytes | None]] = {
    b"accept": b"*/*",
    b"accept-charset": None,
    b"accept-encoding": None,
    b"accept-language": None,
    b"cache-control": None,
    b"forwarded": None,
    b"if-none-match": None,
    b"range": None,
}


def bounded_lists(fields: Fields) -> Fields:
    """Return the fields without lists longer than MAX_BYTES. No Latchkey client needs such a list.

    A field that was sent several times counts as one list.
    """
    sizes = Counter[bytes]()
    for name, value in fields:
        if name in _INSTEAD:
            sizes[name] += len(value) + 1
    long = {name for name, size in sizes.items() if size > MAX_BYTES + 1}
    if not long:
        return fields
    kept = [(name, value) for name, value in fields if name not in long]
    return kept + [(name, other) for name in sorted(long) if (other := _INSTEAD[name]) is not None]
