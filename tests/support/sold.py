"""An API that is sold by plans, over a real server: owners with their keys, and many requests of all keys at once."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from json import loads
from threading import Barrier
from typing import Any

import httpx

from tests.support.server import RunningServer

MONTH = 2_678_400
"""So slow a refill that a test never sees a token of it, in seconds."""


def quota(amount: int, name: str = "monthly") -> dict[str, Any]:
    """A quota that an owner's keys share. It ends half a month from now for an owner of `Shop`."""
    return {
        "name": name,
        "shared": "owner",
        "quota": {"quota": amount, "per": "month", "starts": "anchor"},
    }


@dataclass
class Answers:
    """What requests got: how many of each status, by which limits the 429s were refused, and their Retry-After."""

    statuses: Counter[int] = field(default_factory=Counter)
    refused_by: Counter[tuple[str, ...]] = field(default_factory=Counter)
    waits: set[int] = field(default_factory=set)

    @property
    def passed(self) -> int:
        return self.statuses[204]

    def add(self, other: "Answers") -> None:
        self.statuses += other.statuses
        self.refused_by += other.refused_by
        self.waits |= other.waits


@dataclass
class Shop:
    """Plans, owners and keys of one server, changed over REST with the credential of a key that may do everything."""

    url: str
    root: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of a successful call."""
        answer = httpx.request(method, self.url + path, json=body, headers={"X-API-Key": self.root}, timeout=60)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def sell(
        self, name: str, limits: Sequence[dict[str, Any]], *, keys: int = 1, burst: int | None = None
    ) -> list[str]:
        """Credentials of new keys of a new owner, who has a new plan; all have the same name."""
        self.call("POST", "/v1/plans", {"name": name, "limits": list(limits)})
        anchor = (datetime.now(UTC) - timedelta(days=15)).date().isoformat()
        self.call("POST", "/v1/owners", {"name": name, "slug": name, "plan": name, "period_anchor": anchor})
        limit = None if burst is None else {"burst": burst, "per_seconds": MONTH}
        values = {"label": "sold", "owner": name, "rate_limit": limit}
        return [self.call("POST", "/v1/keys", values)["credential"] for _ in range(keys)]

    def limits(self, path: str) -> dict[str, dict[str, Any]]:
        """The limits of a key or an owner, by name."""
        return {limit["name"]: limit for limit in self.call("GET", f"/v1/{path}/limits")["limits"]}

    def used(self, owner: str, name: str = "monthly") -> int:
        """What the keys of an owner have used of a limit."""
        used: int = self.limits(f"owners/{owner}")[name]["used"]
        return used


def key_id(credential: str) -> str:
    """The public part of a credential."""
    return credential.partition(":")[0]


def check_all(
    ports: Sequence[int], credentials: Sequence[str], *, requests: int, connections: int = 16, path: str = "/v1/check"
) -> Answers:
    """Send `requests` of each key, all at once: on `connections` in all to the ports in turn, and each connection with
    keys in turn. A connection that breaks is opened again, and its request has the status 0.
    """
    begin = Barrier(connections)
    waiting = [credential for _ in range(requests) for credential in credentials]

    def send(place: int) -> Answers:
        found = Answers()
        connection = HTTPConnection("127.0.0.1", ports[place % len(ports)], timeout=60)
        begin.wait()
        for credential in waiting[place::connections]:
            try:
                connection.request("GET", path, headers={"X-API-Key": credential})
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, HTTPException):
                found.statuses[0] += 1
                connection.close()
                continue
            found.statuses[answer.status] += 1
            if answer.status == 429:
                found.refused_by[tuple(loads(content)["violated-policies"])] += 1
                found.waits.add(int(answer.headers["Retry-After"]))
        connection.close()
        return found

    total = Answers()
    with ThreadPoolExecutor(connections) as pool:
        for found in pool.map(send, range(connections)):
            total.add(found)
    return total


def row_of(server: RunningServer, name: str = "monthly") -> int:
    """What the database has as used of the only quota with this name; 0 if it has nothing yet."""
    program = (
        "from apikeys.models import QuotaUse;"
        f"print(sum(QuotaUse.objects.filter(counter__endswith=':{name}').values_list('used', flat=True)))"
    )
    return int(server.manage("shell", "-v0", "-c", program).stdout)
