"""Sources of imported keys, as each process knows them: which texts may be imported tokens, and their digests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from threading import Lock
from time import monotonic
from typing import Final

import structlog
from django.db import Error

from apikeys.cache.query_deadlines import query_deadline
from apikeys.hmac_secrets import hmac_secrets
from apikeys.models import ImportSource
from latchkey.imports.hashes import named_digest
from latchkey.imports.shape import TokenShape, is_plausible_token

RELOADED_AFTER_SECONDS: Final = 5.0
QUERY_DEADLINE_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What a request needs of a source: its hash and the shape of its tokens."""

    hash: str
    shape: TokenShape


class ImportSources:
    """The sources of imported keys in this process, which all threads share.

    They are read with the first lookup of a token, and again with a lookup once they are RELOADED_AFTER_SECONDS old. So
    a source that another process adds is known here after that time. `clock` returns seconds and never goes back.
    """

    _sources: tuple[KnownSource, ...] | None = None
    _due_at: float = float("-inf")

    def __init__(self, secrets: Mapping[str, bytes], clock: Callable[[], float] = monotonic) -> None:
        self._secrets = secrets
        self._clock = clock
        self._lock = Lock()

    def may_be_token(self, text: str) -> bool:
        """Return whether `text` has the shape of an imported token. This never waits for the database.

        While the sources are due to be read, every text that could be a token counts: its lookup reads them.
        """
        if self._clock() >= self._due_at:
            return is_plausible_token(text)
        return any(source.shape.matches(text) for source in self._sources or ())

    def digests(self, token: str) -> list[bytes]:
        """Return the digests under which the token may have been imported. May read the database: django.db.Error."""
        self._reload_if_due()
        # Two sources may have the same hash.
        functions = {source.hash for source in self._sources or () if source.shape.matches(token)}
        found = (named_digest(token, function, self._secrets) for function in functions)
        return [digest for digest in found if digest is not None]

    def foreign_digest(self, token: str, hash: str) -> bytes:
        """Return the digest of the token under `hash`, or an empty one, which never matches."""
        return named_digest(token, hash, self._secrets) or b""

    def load(self) -> None:
        """Read the sources from the database now. Raises django.db.Error."""
        with query_deadline(QUERY_DEADLINE_SECONDS):
            found = list(ImportSource.objects.order_by("pk"))
        self._sources = tuple(KnownSource(source.hash, source.shape) for source in found)
        self._due_at = self._clock() + RELOADED_AFTER_SECONDS

    def _reload_if_due(self) -> None:
        with self._lock:
            if self._clock() < self._due_at:
                return
            try:
                self.load()
            except Error as error:
                if self._sources is None:
                    raise
                # Sources are never removed, so those that are known stay right.
                self._due_at = self._clock() + RELOADED_AFTER_SECONDS
                log.warning("import_sources_not_read", reason=f"{type(error).__name__}: {error}")


@cache
def default_import_sources() -> ImportSources:
    """Return the sources of this process, created once."""
    return ImportSources(hmac_secrets())


def may_be_token(text: str) -> bool:
    """Return whether `text` has the shape of an imported token, as far as this process knows."""
    return default_import_sources().may_be_token(text)
