"""Every rate limit that is none, as JSON text, with where and why it is refused. One table for every door."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InvalidLimit:
    """`text` is refused with these (pointer, code) pairs; "malformed-json" where it cannot even be read."""

    text: str
    faults: tuple[tuple[str, str], ...]

    @property
    def malformed(self) -> bool:
        """Whether the text is refused before it is a value."""
        return self.faults == (("", "malformed-json"),)


def _member(name: str, value: str, code: str) -> InvalidLimit:
    other = "per_seconds" if name == "burst" else "burst"
    return InvalidLimit(f'{{"{name}": {value}, "{other}": 60}}', ((f"/{name}", code),))


_NOT_INTEGERS = ("true", "false", "1.5", "1.0", "1e2", '"5"', "null", "[]", "[5]", "{}")
_MALFORMED = ("NaN", "Infinity", "-Infinity", "1e400", "0x10", "05", "")

INVALID_LIMITS: list[InvalidLimit] = [
    *(_member(name, value, "not-an-integer") for name in ("burst", "per_seconds") for value in _NOT_INTEGERS),
    *(_member(name, value, "out-of-range") for name in ("burst", "per_seconds") for value in ("0", "-1", "-0", "1" * 30)),
    _member("burst", "1000001", "out-of-range"),
    _member("per_seconds", "2678401", "out-of-range"),
    *(
        InvalidLimit(f'{{"{name}": {value}, "{other}": 60}}', (("", "malformed-json"),))
        for name, other in (("burst", "per_seconds"), ("per_seconds", "burst"))
        for value in _MALFORMED
    ),
    InvalidLimit('{"burst": 5}', (("/per_seconds", "missing"),)),
    InvalidLimit('{"per_seconds": 5}', (("/burst", "missing"),)),
    InvalidLimit("{}", (("/burst", "missing"), ("/per_seconds", "missing"))),
    InvalidLimit('{"burst": 5, "per_seconds": 5, "a/b~": 1}', (("/a~1b~0", "unknown-member"),)),
    InvalidLimit('{"burst": true, "per_seconds": 0, "x": 1}', (
        ("/burst", "not-an-integer"), ("/per_seconds", "out-of-range"), ("/x", "unknown-member"),
    )),
    InvalidLimit('{"burst": 5, "burst": 5, "per_seconds": 5}', (("", "malformed-json"),)),
    *(InvalidLimit(text, (("", "not-an-object"),)) for text in ("[]", "[5, 60]", "5", "0", '"60/60"', "true", "false", '""')),
    InvalidLimit("[" * 40 + "]" * 40, (("", "malformed-json"),)),
    InvalidLimit('{"burst": ' + "[" * 40 + "]" * 40 + ', "per_seconds": 1}', (("", "malformed-json"),)),
]  # fmt: skip
