"""Origin of a change: the actor and the request ID, as every event contains them."""

from dataclasses import dataclass

from latchkey.request_id import new_request_id


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made a change, and in which request.

    `actor` is `key:lk_…`, `user:NAME`, `command:NAME` or `system`. `request_id` is that of the request or command
    run.
    """

    actor: str
    request_id: str

    @classmethod
    def of_system(cls, request_id: str = "") -> "Origin":
        """Return the origin of a change that no user requested, within the given request or under a new ID."""
        return cls("system", request_id or new_request_id())

    @classmethod
    def of_command(cls, name: str) -> "Origin":
        """Return the origin of one run of a `manage.py` command."""
        return cls(f"command:{name}", new_request_id())
