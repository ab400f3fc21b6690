"""Search for keys: by the beginning of the key ID, or of each word of label and owner."""

import re
import unicodedata
from typing import Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from apikeys.models import APIKey, APIKeyQuerySet, KeyWord
from events.batched_sql import Statement, delete_statement, insert_statement

MAX_WORD: Final = 64
MAX_WORDS: Final = 40
MOST_LISTED: Final = 1000
_LAST: Final = "\U0010ffff"


def words_of(*texts: str) -> set[str]:
    """Return the words of `texts` in their searchable form: letters and digits, without case and accents."""
    plain = unicodedata.normalize("NFKD", " ".join(texts)).casefold()
    without_marks = "".join(character for character in plain if not unicodedata.combining(character))
    found = re.findall(r"[^\W_]+", without_marks)
    return {word[:MAX_WORD] for word in found[:MAX_WORDS]}


def index_statements(key: APIKey, *, is_new: bool = False) -> list[Statement]:
    """Return the statements that update the search index of the key to its current label and owner.

    They have to run in the transaction that changes the key. A key that `is_new` has no words yet.
    """
    words = words_of(key.label, key.owner)
    others = KeyWord.objects.filter(key=key).exclude(word__in=words)
    rows = [KeyWord(key=key, word=word) for word in sorted(words)]
    added = [insert_statement(rows, ignore_conflicts=True)] if rows else []
    return added if is_new else [delete_statement(others), *added]


def matching(keys: APIKeyQuerySet, query: str) -> APIKeyQuerySet:
    """Return those of `keys` whose ID begins with `query`, or that have a word beginning with each word of `query`."""
    query = query.strip()
    if query.startswith("lk_"):
        return keys.filter(_begins("key_id", query))
    words = words_of(query)
    if not words:
        return keys.none()
    for word in words:
        found = KeyWord.objects.filter(_begins("word", word))
        listed = list(found.values_list("key_id", flat=True)[: MOST_LISTED + 1])
        # A rare word is found faster by its index. For a common one the page fills faster by walking through the
        # keys.
        rare = len(listed) <= MOST_LISTED
        keys = keys.filter(pk__in=listed) if rare else keys.filter(Exists(found.filter(key=OuterRef("pk"))))
    return keys


def _begins(field: str, text: str) -> Q:
    """Return the condition that the field begins with `text`."""
    # Each database answers a different form from an index: PostgreSQL LIKE, SQLite a range.
    if connection.vendor == "postgresql":
        return Q(**{f"{field}__startswith": text})
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + _LAST})
