"""Followers of policies: read them again in the background when the change feed has reported a change."""

from collections.abc import Callable

import structlog
from django.db import Error

from apikeys.cache.record_table import RecordTable

log = structlog.get_logger(__name__)


class PolicyFollowers:
    """Functions that read policies, called for what `table` counts: `refresh` after changes, `reload` after resets.

    The first call reads all policies, so that no request has to.
    """

    def __init__(self, table: RecordTable, refresh: Callable[[], None], reload: Callable[[], None]) -> None:
        self._table = table
        self._refresh = refresh
        self._reload = reload
        self._changes = table.policy_changes
        self._resets = -1

    def follow(self) -> None:
        """Read policies if something has changed. If that fails, the next call tries again. Raises django.db.Error."""
        changes, resets = self._table.policy_changes, self._table.policy_resets
        try:
            if resets != self._resets:
                self._reload()
            elif changes != self._changes:
                self._refresh()
        except Error:
            raise
        except Exception:
            # A row that was changed by hand may be invalid. The thread has other work, too.
            log.exception("policies_not_read")
            return
        self._changes, self._resets = changes, resets
