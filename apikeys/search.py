"""Search for keys: by any part of the key ID, label, owner or metadata."""

import json
import unicodedata
from collections.abc import Iterator
from typing import Final

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from apikeys.candidates import MOST_LISTED
from apikeys.models import APIKey, APIKeyQuerySet, KeyText
from events.batched_sql import Statement, insert_statement, update_statement

MIN_INDEXED: Final = 3
"""A trigram index finds text of three characters or more."""
_TRIGRAMS: Final = "SELECT rowid FROM apikeys_keytext_trigrams WHERE text MATCH %s LIMIT %s"
SEARCHED: Final = frozenset({"label", "owner", "metadata"})
"""The fields whose changes change the index. A key's ID never changes."""


def normalized(text: str) -> str:
    """Return `text` in its searchable form: without case and accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if not unicodedata.combining(character))


def text_of(key: APIKey) -> KeyText:
    """Return the searchable text of the key's current fields, one value a line."""
    return KeyText(key=key, text=searchable_text(key.key_id, key.label, key.owner, key.metadata))


def searchable_text(key_id: str, label: str, owner: str, metadata: object) -> str:
    """Return the text in which a key with these fields is found."""
    return normalized("\n".join((key_id, label, owner, *_parts_of(metadata))))


def index_statement(key: APIKey, *, is_new: bool = False) -> Statement:
    """Return the statement that updates the search index of the key to its current fields.

    It has to run in the transaction that changes the key. A key that `is_new` isn't in the index yet.
    """
    row = text_of(key)
    return insert_statement([row]) if is_new else update_statement(KeyText.objects.filter(key=key), text=row.text)


def matching(keys: APIKeyQuerySet, query: str) -> APIKeyQuerySet:
    """Return those of `keys` whose ID, label, owner or metadata contain every word of `query`."""
    # All of them: a bulk change of what a search finds must not change more because it has many words. Callers limit
    # the length of `query`.
    terms = list(dict.fromkeys(normalized(query).split()))
    if not terms:
        return keys.none()
    listed = _listed([term for term in terms if len(term) >= MIN_INDEXED])
    if listed is not None and len(listed) <= MOST_LISTED:
        keys = keys.filter(pk__in=listed)
        terms = [term for term in terms if len(term) < MIN_INDEXED]
    # The index finds a rare word fastest. For a common one, a page is full sooner by walking through the keys.
    return keys.filter(Exists(_containing(terms).filter(key=OuterRef("pk")))) if terms else keys


def _listed(terms: list[str]) -> list[int] | None:
    """Return the primary keys that the index finds for all of `terms`, at most MOST_LISTED + 1; None without terms."""
    if not terms:
        return None
    if connection.vendor == "sqlite":
        phrases = " AND ".join('"{}"'.format(term.replace('"', '""')) for term in terms)
        with connection.cursor() as cursor:
            cursor.execute(_TRIGRAMS, [phrases, MOST_LISTED + 1])
            return [row for (row,) in cursor.fetchall()]
    return list(_containing(terms).values_list("pk", flat=True)[: MOST_LISTED + 1])


def _containing(terms: list[str]) -> QuerySet[KeyText]:
    found = KeyText.objects.all()
    for term in terms:
        found = found.filter(text__contains=term)
    return found


def _parts_of(value: object) -> Iterator[str]:
    """Yield the names and values in JSON as text."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _parts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts_of(inner)
    else:
        yield value if isinstance(value, str) else json.dumps(value)
