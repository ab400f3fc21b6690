"""Lines of a table of deliveries: what was sent, as a sentence, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.sentences import event_lines
from events.models import AttemptKind, AttemptOutcome, Event, WebhookAttempt

_TONES: Final = {AttemptOutcome.DELIVERED: "active", AttemptOutcome.FAILED: "critical"}


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """An attempt with a sentence about its event. `tone` is the class of the outcome's badge."""

    attempt: WebhookAttempt
    sentence: SafeString

    @property
    def tone(self) -> str:
        """Return the class of the badge that shows the outcome."""
        return _TONES.get(AttemptOutcome(self.attempt.outcome), "")


def delivery_lines(
    attempts: Iterable[WebhookAttempt], now: datetime, user: AbstractUser | AnonymousUser
) -> list[DeliveryLine]:
    """Return the attempts with their sentences. Two queries read all their events and the labels of their keys.

    A user who may not view events gets the type and the ID only.
    """
    listed = list(attempts)
    ids = {attempt.event_id for attempt in listed if attempt.event_id is not None}
    events = Event.objects.filter(id__in=ids) if user.has_perm("events.view_event") else ()
    sentences = {line.event.id: line.sentence for line in event_lines(events, now)}
    return [DeliveryLine(attempt, _sentence(attempt, sentences)) for attempt in listed]


def _sentence(attempt: WebhookAttempt, sentences: dict[int, SafeString]) -> SafeString:
    if attempt.kind == AttemptKind.TEST:
        return SafeString("Test delivery")
    found = sentences.get(attempt.event_id or 0)
    return found or format_html("{}, event {}", attempt.event_type, attempt.event_id)
