"""A server that verifies one key by the arithmetic of a real bucket, at a time that a test moves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from latchkey.denials import cost_above_burst
from ratelimit.bucket import take
from ratelimit.decision import Decision
from ratelimit.limit import NS_PER_SECOND, CostExceedsBurst, Limit
from tests.latchkey.client.responses import CREDENTIAL, KEY_ID, json_response, problem_response
from tests.latchkey.stub import Request, StubResponse, stub


class Records(dict[bytes, bytes]):
    """Records in memory."""

    def put(self, key: bytes, value: bytes) -> None:
        self[key] = value


@dataclass
class TimedBucket:
    """A key with `limit`. `costs` are those that were asked for."""

    limit: Limit
    url: str = ""
    now_seconds: int = 1_000_000
    scopes: list[str] = field(default_factory=lambda: ["*"])
    costs: list[int] = field(default_factory=list)
    _records: Records = field(default_factory=Records)

    @property
    def options(self) -> dict[str, Any]:
        """The settings of an integration that calls it."""
        return {"url": self.url, "api_key": CREDENTIAL.reveal()}

    def reply(self, request: Request) -> StubResponse:
        """The response to a verification."""
        cost = json.loads(request.body)["cost"]
        self.costs.append(cost)
        try:
            outcome = take(self._records, b"key", self.limit, cost, 0, 0, self.now_seconds * NS_PER_SECOND)
        except CostExceedsBurst as error:
            fault = {"pointer": "/cost", "code": "above-burst", "detail": cost_above_burst(cost, error.burst)}
            return problem_response(422, "invalid-parameters", errors=[fault])
        decision = Decision(self.limit, *outcome[:4])
        left = {
            "limit": self.limit.burst,
            "per_seconds": self.limit.per_seconds,
            "remaining": decision.remaining,
            "next_token_seconds": decision.next_token_seconds,
            "reset_seconds": decision.reset_seconds,
        }
        verdict = {
            "valid": decision.allowed,
            "code": "VALID" if decision.allowed else "RATE_LIMITED",
            "key_id": KEY_ID,
            "scopes": self.scopes,
            "rate_limit": left,
            "retry_after": None if decision.allowed else decision.retry_after_seconds,
        }
        return json_response(verdict)


@contextmanager
def timed_bucket(burst: int, per_seconds: int) -> Iterator[TimedBucket]:
    """A server with one key."""
    bucket = TimedBucket(Limit(burst, per_seconds))
    with stub(bucket.reply) as server:
        bucket.url = server.url
        yield bucket
