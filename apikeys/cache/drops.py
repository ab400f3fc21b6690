"""Drops: which keys changed recently, so that a record that was read before the change is not cached after it."""

from collections import OrderedDict
from typing import Final

CAPACITY: Final = 10_000


class Drops:
    """The latest event about each key that was dropped from the cache, for the last `capacity` keys.

    A thread may read a key's old row, and store it only after another thread has dropped the key. So each record says
    up to which event the log was written when it was read (`as_of`), and one that is older than its key's last drop is
    rejected. `log` numbers the logs that this process has followed: event IDs of different logs can't be compared.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.log = 0
        self._capacity = capacity
        self._event_ids: OrderedDict[str, int] = OrderedDict()
        # No record that is older than this event is accepted, whatever its key.
        self._floor = 0

    def add(self, key_id: str, event_id: int) -> None:
        """Record that the event changed the key. Events are added in order."""
        self._event_ids[key_id] = event_id
        self._event_ids.move_to_end(key_id)
        if len(self._event_ids) > self._capacity:
            # Forgetting a key must not make its old records acceptable again.
            _, self._floor = self._event_ids.popitem(last=False)

    def add_all(self, event_id: int) -> None:
        """Record that the event may have changed every key."""
        self._event_ids.clear()
        self._floor = event_id

    def begin_log(self, event_id: int) -> None:
        """Follow another log from this event on. Every record that was read before now is rejected."""
        self.log += 1
        # A standby may lag behind this event, and so lack a change of which no drop is remembered.
        self.add_all(event_id)

    def accept(self, key_id: str, as_of: int, log: int) -> bool:
        """Return whether a record may be used. `log` is the number of the log before it was read."""
        return log == self.log and as_of >= max(self._floor, self._event_ids.get(key_id, 0))

    def accept_shared(self, key_id: str, as_of: int, current_at: int, log: int) -> bool:
        """Return whether a record may be used that was read up to the event `as_of`, by another process, and that
        every event up to `current_at` has left in the record file. `log` is the number of the log before it was found.
        """
        return log == self.log and current_at >= self._floor and as_of >= self._event_ids.get(key_id, 0)
