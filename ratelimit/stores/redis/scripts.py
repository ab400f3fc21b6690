"""Lua scripts, each put together from the parts that it needs."""

from hashlib import sha1
from importlib.resources import files
from typing import Final, NamedTuple


class Script(NamedTuple):
    """A Lua script, and the SHA-1 digest by which a server that has loaded it runs it."""

    text: bytes
    sha: bytes


def _script(*parts: str) -> Script:
    text = b"\n".join(files(__package__).joinpath(part).read_bytes() for part in parts)
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())


_DECISIONS: Final = ("record.lua", "counters.lua", "claims.lua", "requests.lua")
TAKE: Final = _script(*_DECISIONS, "take.lua")
RESERVE: Final = _script(*_DECISIONS, "reservations.lua", "reserve.lua")
SETTLE: Final = _script("record.lua", "counters.lua", "reservations.lua", "settle.lua")
EXTEND: Final = _script("record.lua", "counters.lua", "reservations.lua", "extend.lua")
SHIFT: Final = _script("record.lua", "shift.lua")
CHANGE: Final = _script("record.lua", "change.lua")
ADJUST: Final = _script("record.lua", "counters.lua", "claims.lua", "adjust.lua")
SEED: Final = _script("counters.lua", "seed.lua")
FORGET: Final = _script("forget.lua")
SET_POLICY: Final = _script("counters.lua", "set_policy.lua")
