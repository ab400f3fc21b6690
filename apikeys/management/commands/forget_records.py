"""Management command `forget_records`: makes all processes read their keys from the database again."""

from typing import Any

from apikeys.management.key_command import KeyCommand


class Command(KeyCommand):
    """Management command that appends an event after which every process drops its cached keys."""

    help = "Make all processes read their keys again, after you changed rows without Latchkey, for example by SQL."

    def handle(self, *args: Any, **options: Any) -> None:
        event = self.service().forget_records()
        self.say("Every process that reaches the database reads its keys again, from 2 seconds from now at the latest.")
        self.show({"event_id": event.id}, options, [{"event_id": event.id}])
