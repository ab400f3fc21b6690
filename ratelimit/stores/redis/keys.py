"""How keys are named in Redis, and which of them may be asked about together."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar
from uuid import uuid4

from ratelimit.bucket import Asked
from ratelimit.stores.base import ADDRESS_PREFIX, KEY_PREFIX
from ratelimit.stores.redis.address import RedisAddress
from ratelimit.stores.redis.line import Line, Run

Question = tuple[Asked, bytes]
"""What is asked, and how take.lua gets it."""
Shift = tuple[bytes, bytes]
"""A key, and how shift.lua gets what becomes of its debt."""

_Item = TypeVar("_Item")
_SPECIAL: Final = b"*?[]\\^"


class Keys:
    """The names under an address' prefix.

    Two indices tell without a look at every record which keys were used since when (`used`) and which addresses have a
    bucket (`addresses`). A Cluster has none: its script sees the keys of one slot alone.
    """

    def __init__(self, address: RedisAddress) -> None:
        prefix = address.prefix.encode()
        self._cluster = address.cluster
        self._records = prefix + b"bucket:"
        self._lines = prefix + b"line:"
        self.generation = prefix + b"generation"
        self.used = None if address.cluster else prefix + b"used"
        self.addresses = None if address.cluster else prefix + b"addresses"

    def record(self, key: bytes) -> bytes:
        """The name of the key's record."""
        return self._records + key

    def of_record(self, name: bytes) -> bytes:
        """The key whose record has this name."""
        return name.removeprefix(self._records)

    def index(self, key: bytes) -> bytes | None:
        """The index in which the key, or what begins so, is noted."""
        if key.startswith(ADDRESS_PREFIX):
            return self.addresses
        return self.used if key.startswith(KEY_PREFIX) else None

    def pattern(self, prefix: bytes) -> bytes:
        """What SCAN compares names with."""
        literal = b"".join(b"\\%c" % byte if byte in _SPECIAL else b"%c" % byte for byte in self._records + prefix)
        return literal + b"*"

    def together(self, several: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
        """What one run of a script can see to: all; in a Cluster each by itself."""
        if not self._cluster:
            yield several
            return
        for one in several:
            yield [one]

    def new_line(self, timeout: float | None) -> Line | None:
        """Return a line with a name of its own, whose runs may be executed for `timeout` seconds, if that is given. A
        Cluster has none, because its script sees the keys of one slot.
        """
        return None if self._cluster else Line(self._lines + uuid4().hex.encode(), timeout)

    def take_arguments(
        self, questions: Sequence[Question], now: bytes, run: Run | None
    ) -> tuple[list[bytes], list[bytes]]:
        """Names and arguments of take.lua. Keys of one call are of one kind: those of one index."""
        names = [self._records + asked[0] for asked, _ in questions]
        if run is not None:
            names.append(run.line)
        index = self.index(questions[0][0][0])
        if index is not None:
            names.append(index)
        return names, [now, b"" if run is None else run.argument(), *(request for _, request in questions)]

    def shift_arguments(self, shifts: Sequence[Shift], now: bytes) -> tuple[list[bytes], list[bytes]]:
        """Names and arguments of shift.lua."""
        return [self._records + key for key, _ in shifts], [now, *(shift for _, shift in shifts)]
