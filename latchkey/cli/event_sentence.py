"""An event as a sentence, with IDs in place of the links that the admin has."""

from datetime import datetime
from typing import TYPE_CHECKING

from latchkey.cli.printable import printable
from latchkey.event_sentences import Happening, sentence

if TYPE_CHECKING:
    from latchkey.client.event import Event


class _Words:
    """Names as plain text."""

    def key(self, key_id: str) -> str:
        return key_id or "all keys"

    def webhook(self, webhook_id: str, label: str) -> str:
        return f"the webhook {webhook_id} ({label})" if webhook_id and label else f"the webhook {webhook_id}".strip()

    def guard_rail(self, name: str) -> str:
        return name

    def detail(self, text: str) -> str:
        return text

    def plan(self, name: str) -> str:
        return name

    def owner(self, name: str) -> str:
        return name


def event_sentence(event: "Event", now: datetime) -> str:
    """Return what happened as one sentence."""
    happening = Happening(event.type, event.actor, event.key_id or "", event.data, now, _Words())
    return printable(sentence(happening, lambda template, **parts: template.format(**parts)))
