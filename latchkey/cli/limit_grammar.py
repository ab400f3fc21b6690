"""Limits of plans as people type them: per_second=100/1s, monthly=1000000/month,shared=owner, streams=5."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from latchkey.cli.rate import parse_rate

RATE_EXAMPLE: Final = "per_second=100/1s or tokens_a_minute=50000/m,unit=tokens,shared=owner"
QUOTA_EXAMPLE: Final = "monthly=1000000/month or tokens_a_day=2000000/day,unit=tokens,timezone=Europe/Berlin,observe"
CONCURRENCY_EXAMPLE: Final = "streams=5 or streams=20,shared=owner"

_NAME: Final = re.compile(r"[a-z0-9_-]{1,32}")
_NUMBER: Final = re.compile(r"[0-9]{1,16}")
_QUOTA: Final = re.compile(r"([0-9]{1,16})/(hour|day|week|month|once)")
_DEFAULTS: Final = {"unit": "requests", "mode": "enforce", "shared": "key"}
_QUOTA_DEFAULTS: Final = {"timezone": "UTC", "starts": "calendar"}
# What stands behind the number: each word, and the field that it sets.
_WORDS: Final = {"enforce": ("mode", "enforce"), "observe": ("mode", "observe")}
_QUOTA_WORDS: Final = {"calendar": ("starts", "calendar"), "anchor": ("starts", "anchor")}


@dataclass(frozen=True, slots=True)
class TypedLimit:
    """A limit as typed: `kind` is rate, quota or concurrency, `value` its number. Settings that weren't typed are
    missing from `fields`, and from `of_value` those that belong to the value.
    """

    name: str
    kind: str
    value: Any
    fields: Mapping[str, str] = field(default_factory=dict)
    of_value: Mapping[str, str] = field(default_factory=dict)

    def as_json(self, current: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the limit as a JSON object. What wasn't typed is as in `current`, a limit of the same kind."""
        kept = current if current is not None and self.kind in current else {}
        fields = {name: self.fields.get(name) or kept.get(name) or default for name, default in _DEFAULTS.items()}
        return {"name": self.name, **fields, self.kind: self._full_value(kept.get(self.kind))}

    def _full_value(self, current: Any) -> Any:
        if self.kind != "quota":
            return self.value
        kept = current if isinstance(current, Mapping) else {}
        settings = {
            name: self.of_value.get(name) or kept.get(name) or default for name, default in _QUOTA_DEFAULTS.items()
        }
        return {**self.value, **settings}


def parse_rate_limit(text: str) -> TypedLimit:
    """Return a rate as typed. Raises ValueError."""
    return _parsed(text, "rate", RATE_EXAMPLE, rate_value)


def parse_quota_limit(text: str) -> TypedLimit:
    """Return a quota as typed. Raises ValueError."""
    return _parsed(text, "quota", QUOTA_EXAMPLE, _quota_value)


def parse_concurrency_limit(text: str) -> TypedLimit:
    """Return a concurrency as typed. Raises ValueError."""
    return _parsed(text, "concurrency", CONCURRENCY_EXAMPLE, _concurrency_value)


def rate_value(text: str) -> dict[str, int]:
    """Return the value of a rate. Raises ValueError."""
    burst, per_seconds = parse_rate(text)
    return {"burst": burst, "per_seconds": per_seconds}


def _quota_value(text: str) -> dict[str, Any]:
    match = _QUOTA.fullmatch(text)
    if match is None:
        raise ValueError("must be a number and hour, day, week, month or once, for example 1000000/month")
    return {"quota": int(match[1]), "per": match[2]}


def _concurrency_value(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number, for example 5")
    return int(text)


def _parsed(text: str, kind: str, example: str, value_of: Callable[[str], Any]) -> TypedLimit:
    first, *settings = text.split(",")
    name, equals, value = first.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise ValueError(f"must begin with the limit's name (1 to 32 of a-z 0-9 _ -) and =, for example {example}")
    try:
        number = value_of(value)
    except ValueError as error:
        raise ValueError(f"what follows {name}= {error}") from None
    is_quota = kind == "quota"
    names = ("unit", "shared", *(["timezone"] if is_quota else []))
    words = {**_WORDS, **(_QUOTA_WORDS if is_quota else {})}
    found: dict[str, str] = {}
    for setting in settings:
        field_name, field_value = words.get(setting) or _assigned(setting, names)
        if not field_name:
            known = ", ".join([*(f"{known}=…" for known in names), *words])
            raise ValueError(f"{name}: {setting!r} isn't a setting. Use {known}; for example {example}")
        if field_name in found:
            raise ValueError(f"{name}: {field_name} is set twice")
        found[field_name] = field_value
    of_value = {field: found.pop(field) for field in _QUOTA_DEFAULTS if field in found}
    return TypedLimit(name, kind, number, found, of_value)


def _assigned(setting: str, names: tuple[str, ...]) -> tuple[str, str]:
    """Return the field and the value of a setting such as unit=tokens, or empty texts."""
    name, _, value = setting.partition("=")
    return (name, value) if name in names and value else ("", "")
