"""Values of a key from the columns of a row: which column is which field, and how a text becomes its value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from latchkey.imports.presets import Preset
from latchkey.strict_json import MalformedJSON, loads
from latchkey.timestamps import rfc3339

FIELDS: Final = ("digest", "label", "owner", "scopes", "rate_limit", "burst", "per_seconds", "expires_at", "metadata")
METADATA: Final = "metadata."

_TRUE: Final = ("true", "t", "1", "yes")


class RowError(ValueError):
    """A row can't be imported; the message says why."""


class RowSkipped(Exception):
    """A row is of a key that isn't valid any more; the message says why."""


def parse_mapping(texts: list[str]) -> dict[str, str]:
    """Return the columns by field that `FIELD=COLUMN` texts name. Raise ValueError."""
    columns = {}
    for text in texts:
        name, separator, column = text.partition("=")
        if not separator or not column or not (name in FIELDS or (name.startswith(METADATA) and name != METADATA)):
            known = ", ".join(FIELDS)
            raise ValueError(f"a column must be FIELD=COLUMN, with one of {known} or metadata.NAME as its field")
        columns[name] = column
    return columns


@dataclass(frozen=True, slots=True)
class KeyReader:
    """Reads keys from rows. `columns` overrides those of the preset, and `defaults` are for fields without a value."""

    columns: Mapping[str, str]
    defaults: Mapping[str, Any]
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = field(default=lambda columns: columns)

    @classmethod
    def of(cls, preset: Preset | None, columns: Mapping[str, str], defaults: Mapping[str, Any]) -> "KeyReader":
        """Return the reader for a preset, or for columns that have the names of the fields."""
        if preset is None:
            return cls({**{name: name for name in FIELDS}, **columns}, defaults)
        return cls({**preset.columns, **columns}, defaults, preset.prepare)

    def key_of(self, columns: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return the key of a row as JSON. Raise RowError or RowSkipped."""
        row = self.prepare(dict(columns))
        # The other system rejects the tokens of revoked keys, and Latchkey doesn't know them.
        if _text(row.get("revoked")).lower() in _TRUE:
            raise RowSkipped("revoked")
        values: dict[str, Any] = {}
        for name, column in self.columns.items():
            value = row.get(column)
            if value is not None and value != "":
                _set(values, name, value)
            elif name == "rate_limit" and value is None and column in row:
                # In JSON, null is no missing value here: it means unlimited.
                values[name] = None
        _join_limit(values)
        expires_at = values.get("expires_at")
        if isinstance(expires_at, datetime):
            if expires_at <= now:
                raise RowSkipped("expired")
            values["expires_at"] = rfc3339(expires_at)
        return {**self.defaults, **values}


def _set(values: dict[str, Any], name: str, value: Any) -> None:
    if name.startswith(METADATA):
        values.setdefault("metadata", {})[name.removeprefix(METADATA)] = value
    elif name == "metadata" and isinstance(parsed := _json(name, value), dict):
        values["metadata"] = {**parsed, **values.get("metadata", {})}
    else:
        values[name] = _CONVERTED[name](name, value) if name in _CONVERTED else value


def _join_limit(values: dict[str, Any]) -> None:
    """Replace `burst` and `per_seconds` by the rate limit that they are."""
    parts = {name: values.pop(name) for name in ("burst", "per_seconds") if name in values}
    if parts:
        if "rate_limit" in values:
            raise RowError("The row has a rate_limit, and burst or per_seconds. Use one of the two.")
        values["rate_limit"] = parts


def _scopes(_name: str, value: Any) -> Any:
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return value.split()
    return _json("scopes", value)


def _json(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return loads(value)
    except MalformedJSON as error:
        raise RowError(f"{name}: {error}") from None


def _time(name: str, value: Any) -> datetime:
    """Return the time in a column, as databases write it: with or without a zone, which then is UTC."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RowError(f"{name} must be a time such as 2027-03-28T02:30:00Z.") from None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


_CONVERTED: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "scopes": _scopes,
    "rate_limit": _json,
    "burst": _json,
    "per_seconds": _json,
    "expires_at": _time,
}
