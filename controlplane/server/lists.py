"""Header fields that are lists, cut before anything parses them: each of 30 KB would cost milliseconds of a thread."""

from collections import Counter
from typing import Final

from controlplane.server.asgi_types import Fields

MAX_BYTES: Final = 1024
# What takes the place of a longer one, as if the client did not mind; None: as if it had not sent the field.
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
    """Return the fields; a list over MAX_BYTES, that none of our clients needs, is as if it was not sent. A field that
    was sent several times is one list.
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
