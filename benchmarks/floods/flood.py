"""A flood: what clients without a credential send to starve those with one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Flood:
    """`connections` clients, each with a connection, that send what `requests` yields for the server on a port.

    If it `reads`, a client reads each response before it sends again, and all together send `per_second` requests a
    second at the most. If not, a client sends once, reads nothing, and stays; `per_second` of those that the server
    disconnects come back each second. With `together`, all clients send at the same moment. `addresses` is the number
    of addresses that they come from, and `opened_per_second` how many connections are opened at first.
    """

    name: str
    requests: Callable[[int], Iterator[bytes]]
    connections: int
    per_second: int
    reads: bool = True
    together: bool = False
    addresses: int = 1
    opened_per_second: int = 2000

    @property
    def pause_seconds(self) -> float:
        """Return the seconds from a client's request to its next."""
        return self.connections / self.per_second

    def of_one_client(self) -> "Flood":
        """Return what one client of the flood does, at a client's pace."""
        return replace(self, connections=1, per_second=1)

    def address(self, number: int) -> str:
        """Return the address of client `number`, from 127.0.0.1 on: Linux has the whole of 127.0.0.0/8."""
        within = number % self.addresses
        return f"127.0.{within // 250}.{1 + within % 250}"
