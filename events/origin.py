"""Where a change came from: the actor and the request, as each event names them."""

from dataclasses import dataclass

from latchkey.request_id import new_request_id


@dataclass(frozen=True, slots=True)
class Origin:
    """`actor` is `key:lk_…`, `user:NAME`, `command:NAME` or `system`; `request_id` that of the request or the run."""

    actor: str
    request_id: str

    @classmethod
    def of_system(cls, request_id: str = "") -> "Origin":
        """What nobody asked for: time or circumstance brought it, within the named request or a run of its own."""
        return cls("system", request_id or new_request_id())

    @classmethod
    def of_command(cls, name: str) -> "Origin":
        """The origin of one run of a `manage.py` command."""
        return cls(f"command:{name}", new_request_id())
