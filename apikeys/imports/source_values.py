"""Validation of an import: its parts, and the hash and the shape of its source's tokens."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from apikeys.hmac_secrets import MAX_NAME_LENGTH, hmac_secrets
from apikeys.models import ImportSource
from latchkey.imports.hashes import HASHES, HMAC, split_hash
from latchkey.imports.shape import MAX_LENGTH, ShapeError
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, Rejected, Rule, boolean, clean, integer, rejected

MAX_SOURCES: Final = 32
MAX_KEYS: Final = 1000
"""How many keys one call imports at most."""

NAME_PATTERN: Final = "[a-z0-9][a-z0-9._-]{0,63}"
HASH_PATTERN: Final = f"({'|'.join(HASHES[:-1])}|{HMAC}:[A-Za-z0-9._-]{{1,{MAX_NAME_LENGTH}}})"

_NAME = re.compile(NAME_PATTERN)
_FIELDS: Final = ("hash", "prefix", "alphabet", "min_length", "max_length")


class ImportRequest(NamedTuple):
    """The parts of a call that imports keys. What is in each of `keys` isn't checked yet."""

    source: object
    keys: list[object]
    dry_run: bool


def parse_import(values: object, now: datetime) -> ImportRequest:
    """Return the parts of a call. Raise InvalidParameters."""
    # Secrets in a key are an error of that key alone, which is found later.
    parts = ("source", "keys")
    cleaned: dict[str, Any] = clean(values, IMPORT_RULES, now, required=parts, credentials=parts)
    return ImportRequest(cleaned["source"], cleaned["keys"], cleaned.get("dry_run", False))


def parse_source(values: object, now: datetime) -> ImportSource:
    """Return the unsaved source that `values` describe. Raise InvalidParameters."""
    cleaned: dict[str, Any] = clean(values, _RULES, now, required=("name", "hash", "alphabet", "min_length"))
    cleaned.setdefault("max_length", cleaned["min_length"])
    source = ImportSource(**cleaned, created_at=now)
    try:
        source.shape  # noqa: B018 - it raises
    except ShapeError as error:
        raise InvalidParameters.of([FieldError(f"/{error.part}", "not-a-shape", str(error))]) from None
    return source


def check_same_source(source: ImportSource) -> None:
    """Raise InvalidParameters if the saved source of this name is another one, or if there is no room for it."""
    existing = ImportSource.objects.filter(name=source.name).first()
    if existing is None:
        if ImportSource.objects.count() >= MAX_SOURCES:
            # Every text that could be a token is compared with the shape of each source.
            detail = f"There are {MAX_SOURCES} sources already. Use one of them."
            raise InvalidParameters.of([FieldError("/name", "too-many", detail)])
        return
    faults = [
        FieldError(f"/{name}", "differs", f"The source {source.name} has another {name}. Choose another name.")
        for name in _FIELDS
        if getattr(existing, name) != getattr(source, name)
    ]
    if faults:
        raise InvalidParameters.of(faults)


def saved_source(source: ImportSource) -> ImportSource:
    """Return the saved source of this name, which `source` becomes if there is none. The event log must be locked."""
    return ImportSource.objects.filter(name=source.name).first() or _saved(source)


def _saved(source: ImportSource) -> ImportSource:
    source.save(force_insert=True)
    return source


def _source(value: object, now: datetime) -> object:
    try:
        parse_source(value, now)
    except InvalidParameters as error:
        raise Rejected(*error.errors) from None
    return value


def _keys(value: object, _now: datetime) -> list[object]:
    if not isinstance(value, list):
        raise rejected("not-an-array", "keys must be an array of objects.")
    if len(value) > MAX_KEYS:
        raise rejected("too-many", f"keys must have at most {MAX_KEYS} entries.")
    return value


def _name(value: object, _now: datetime) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise rejected("not-a-name", "name must have 1 to 64 characters: a-z, 0-9, and . _ - after the first.")
    return value


def _hash(value: object, _now: datetime) -> str:
    function, secret = split_hash(value if isinstance(value, str) else "")
    if function not in HASHES or bool(secret) != (function == HMAC):
        raise rejected("not-a-hash", f"hash must be {', '.join(HASHES[:-1])} or {HMAC}:NAME.")
    if secret and secret not in hmac_secrets():
        raise rejected("unknown-secret", "The server's setting IMPORT_HMAC_SECRETS has no secret of this name.")
    return str(value)


def _text(value: object, _now: datetime) -> str:
    if not isinstance(value, str):
        raise rejected("not-a-string", "This must be a string.")
    return value


def _length(value: object, _now: datetime) -> int:
    return integer(value, "length", 1, MAX_LENGTH)


IMPORT_RULES: Final[Mapping[str, Rule]] = {
    "source": _source,
    "keys": _keys,
    "dry_run": lambda value, _now: boolean(value, "dry_run"),
}
_RULES: Final[Mapping[str, Rule]] = {
    "name": _name,
    "hash": _hash,
    "prefix": _text,
    "alphabet": _text,
    "min_length": _length,
    "max_length": _length,
}
