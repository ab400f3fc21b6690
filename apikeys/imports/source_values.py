"""Validation of an import's source: the hash and the shape of its tokens."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from apikeys.hmac_secrets import hmac_secrets
from apikeys.models import ImportSource
from latchkey.imports.hashes import HASHES, HMAC, split_hash
from latchkey.imports.shape import MAX_LENGTH, ShapeError
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, Rule, clean, integer, rejected

MAX_SOURCES: Final = 32

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FIELDS: Final = ("hash", "prefix", "alphabet", "min_length", "max_length")


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


_RULES: Final[Mapping[str, Rule]] = {
    "name": _name,
    "hash": _hash,
    "prefix": _text,
    "alphabet": _text,
    "min_length": _length,
    "max_length": _length,
}
