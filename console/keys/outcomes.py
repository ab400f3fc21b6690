"""Outcomes of a bulk change: how many keys were changed, how many already had the value, and why others weren't."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from django.contrib import messages
from django.db import OperationalError
from django.http import HttpRequest

from apikeys.config_service import ConfigService
from apikeys.models import APIKey
from console.keys.bulk_actions import BulkAction
from events.lock_timeout import record_lock_timeout
from latchkey.problems import ProblemError

MOST_REASONS: Final = 10


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Numbers of keys by outcome, and the first MOST_REASONS reasons of those that were rejected."""

    changed: int = 0
    same: int = 0
    rejected: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Return of how many keys these are the outcomes."""
        return self.changed + self.same + self.rejected

    def plus(self, outcome: bool | str) -> "Outcomes":
        """Return the outcomes with one more: whether a key was changed, or why it was rejected."""
        if isinstance(outcome, str):
            reasons = (*self.reasons, outcome)[:MOST_REASONS]
            return replace(self, rejected=self.rejected + 1, reasons=reasons)
        if outcome:
            return replace(self, changed=self.changed + 1)
        return replace(self, same=self.same + 1)

    def show(self, request: HttpRequest, *, left: int = 0) -> None:
        """Add them to the page's messages, and that `left` keys are unchanged because the database was busy."""
        if self.changed:
            messages.success(request, f"{self.changed:,} {'key' if self.changed == 1 else 'keys'} changed.")
        if self.same:
            messages.info(request, f"{self.same:,} {'key' if self.same == 1 else 'keys'} already had this value.")
        for reason in self.reasons:
            messages.error(request, reason)
        if (unnamed := self.rejected - len(self.reasons)) > 0:
            messages.error(request, f"{unnamed:,} more {'was' if unnamed == 1 else 'were'} rejected.")
        if left:
            keys = "1 key is" if left == 1 else f"{left:,} keys are"
            messages.error(request, f"The database can't be changed right now. {keys} unchanged.")


NO_OUTCOMES: Final = Outcomes()


def apply_to(service: ConfigService, action: BulkAction, form: Any, key: APIKey) -> bool | str | None:
    """Apply the action to one key; return whether that changed it, why it was rejected, or None for a busy database."""
    try:
        action.change(service, key.key_id, form)
    except ProblemError as error:
        details = " ".join(fault.detail for fault in error.errors) or error.detail
        return f"Key {key.key_id}: {details}"
    except OperationalError as error:
        record_lock_timeout(error)
        return None
    # Each change raises the epoch.
    return not APIKey.objects.filter(pk=key.pk, epoch=key.epoch).exists()


def add_up(outcomes: Iterator[bool | str | None], start: Outcomes = NO_OUTCOMES) -> Outcomes:
    """Return `start` plus the outcomes, up to the first one without a result.

    The next key would wait for the database as long. With hundreds of keys, the request would take far too long.
    """
    found = start
    for outcome in outcomes:
        if outcome is None:
            break
        found = found.plus(outcome)
    return found
