"""Flood: requests of clients without a valid credential that try to starve those with one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Flood:
    """A flood by `connections` clients with one connection each, which send what `requests` yields for a port.

    With `reads`, a client reads every response before it sends again, and all of them together send at most
    `per_second` requests per second. Without it, a client sends one request, reads nothing and stays connected; of
    the clients that the server disconnects, `per_second` reconnect every second. With `together`, all clients send
    their first requests at the same time. `addresses` is the number of addresses that they use, and
    `opened_per_second` the rate at which the first connections are opened.
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
        """The seconds from one request of a client to its next."""
        return self.connections / self.per_second

    def of_one_client(self) -> "Flood":
        """Return the same flood by one client that sends one request per second."""
        return replace(self, connections=1, per_second=1)

    def address(self, number: int) -> str:
        """Return the address of client `number`, starting with 127.0.0.1."""
        # Linux accepts every address in 127.0.0.0/8 without configuration.
        within = number % self.addresses
        return f"127.0.{within // 250}.{1 + within % 250}"
