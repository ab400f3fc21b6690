"""ImportService: issues keys for tokens that another system issued and of which only digests are known."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apikeys import validation
from apikeys.grants import check_grant
from apikeys.imports.key_rows import ImportedKey, insert_keys, key_ids_of
from apikeys.imports.source_values import check_same_source, parse_source, saved_source
from apikeys.imports.sources import default_import_sources
from apikeys.models import APIKey, ImportSource, KeySecret
from apikeys.peppers import configured_peppers
from events import log
from events.chain import canonical
from events.origin import Origin
from events.types import EventType
from latchkey.auth_context import AuthContext
from latchkey.imports.hashes import DigestError, parse_digest, split_hash
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, clean, rejected
from ratelimit.limit import parse_limit_text


@dataclass(slots=True)
class ImportResult:
    """How many keys were imported, how many were there before, and the first error of each other by its index."""

    imported: int = 0
    unchanged: int = 0
    errors: list[tuple[int, FieldError]] = field(default_factory=list)


class ImportService:
    """Imports keys on behalf of `origin`. `authority` limits which scopes may be granted, as in `ConfigService`.

    A call is one transaction with one event, KeysImported. That event has the IDs of its keys, and a digest of what
    they were issued with, so the log proves both. One event a key would double the size of an import, take as long as
    the keys themselves, and send a million requests to each webhook.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        authority: AuthContext | None = None,
        now: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._origin = origin
        self._authority = authority
        self._now = now

    def import_keys(self, source: object, keys: Sequence[object], *, dry_run: bool = False) -> ImportResult:
        """Import up to MAX_KEYS keys. Each is a JSON object: digest, and the fields of a new key.

        A key with an error is left out, and all others are imported. A key that was imported before stays as it is.
        Raises InvalidParameters if the source is invalid, and InsufficientScope as a whole.
        """
        now, result = self._now(), ImportResult()
        try:
            described = parse_source(source, now)
            valid = self._valid_keys(described, keys, now, result)
            check_grant(self._authority, scopes := _scopes_of(valid), named=scopes)
            check_same_source(described)
        except InvalidParameters as error:
            raise InvalidParameters.of([fault.under("/source") for fault in error.errors]) from None
        if dry_run:
            new = _new_keys(valid)
        else:
            new = self._insert(valid, described, now)
            default_import_sources().load()
        result.imported, result.unchanged = len(new), len(valid) - len(new)
        return result

    def _valid_keys(
        self, source: ImportSource, keys: Sequence[object], now: datetime, result: ImportResult
    ) -> list[ImportedKey]:
        """Return the keys without errors, and add the errors of the others to `result`."""
        function, _ = split_hash(source.hash)
        rules = {"digest": lambda value, _now: _digest(value, function), **validation.FIELD_RULES}
        default, peppers = parse_limit_text(settings.DEFAULT_RATE_LIMIT), configured_peppers()
        default_limit = default.as_json() if default else None
        valid: list[ImportedKey] = []
        seen: set[bytes] = set()
        for index, values in enumerate(keys):
            try:
                cleaned: dict[str, Any] = clean(values, rules, now, required=("digest", "label"))
                digest = cleaned.pop("digest")
                if digest in seen:
                    raise InvalidParameters.of([FieldError("/digest", "duplicate", "Another key has this digest.")])
            except InvalidParameters as error:
                # One error a key: a response must not be far larger than the request.
                result.errors.append((index, error.errors[0]))
                continue
            seen.add(digest)
            cleaned.setdefault("rate_limit", default_limit)
            valid.append(ImportedKey(key_ids_of(digest, peppers), digest, cleaned))
        return valid

    def _insert(self, keys: Sequence[ImportedKey], source: ImportSource, now: datetime) -> list[ImportedKey]:
        """Insert those of the keys that don't exist yet, with their event, and return them."""
        with transaction.atomic():
            # Locked first, unlike by other changes: two imports of the same keys come one after the other, and the
            # keys can be written with the ID of their event.
            event_id = log.lock_log().last_id + 1
            new = _new_keys(keys)
            if new:
                insert_keys(new, saved_source(source), event_id, now)
                data = {
                    "source": source.name,
                    "hash": source.hash,
                    "count": len(new),
                    "keys": [key.key_id for key in new],
                    "digest": hashlib.sha256(canonical([key.issued for key in new]).encode()).hexdigest(),
                }
                log.append(EventType.KEYS_IMPORTED, origin=self._origin, at=now, data=data)
        return new


def _new_keys(keys: Sequence[ImportedKey]) -> list[ImportedKey]:
    """Return those of the keys that weren't imported before."""
    key_ids = [key_id for key in keys for key_id in key.key_ids]
    found = APIKey.objects.filter(key_id__in=key_ids, import_event__isnull=False).order_by()
    existing = set(found.values_list("key_id", flat=True))
    # The pepper of an earlier import may be gone, so that the key ID would be another one.
    tokens = KeySecret.objects.filter(source__isnull=False, digest__in=[key.digest for key in keys]).order_by()
    digests = {bytes(digest) for digest in tokens.values_list("digest", flat=True)}
    return [key for key in keys if key.digest not in digests and existing.isdisjoint(key.key_ids)]


def _scopes_of(keys: Sequence[ImportedKey]) -> list[str]:
    return sorted({scope for key in keys for scope in key.values.get("scopes", ())})


def _digest(value: object, hash: str) -> bytes:
    try:
        return parse_digest(value if isinstance(value, str) else "", hash)
    except DigestError as error:
        raise rejected("not-a-digest", str(error)) from None
