"""A server of plans, owners, overrides and limits in memory, for the commands about them. It keeps what it is sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.latchkey.client.responses import KEY, json_response, problem_response
from tests.latchkey.plans import KEY_OVERRIDE, LIMIT, OVERRIDE, OWNER, PLAN, RATE_LIMIT
from tests.latchkey.stub import Request, StubResponse, stub

DELETED = StubResponse(204, {}, b"")


@dataclass
class PlansServer:
    """What the server has, and the bodies of the changes that came, each with its method and path."""

    url: str = ""
    plans: dict[str, Any] = field(default_factory=lambda: {"pro": PLAN})
    owners: dict[str, Any] = field(default_factory=lambda: {"acme": OWNER})
    limits: list[dict[str, Any]] = field(default_factory=lambda: [LIMIT, RATE_LIMIT])
    etag: str = '"3"'
    etag_after_reading: str = '"3"'
    requests: list[Request] = field(default_factory=list)

    @property
    def changes(self) -> list[tuple[str, str, Any]]:
        return [
            (request.method, request.target, json.loads(request.body) if request.body else None)
            for request in self.requests
            if request.method != "GET"
        ]

    def reply(self, request: Request) -> StubResponse:
        self.requests.append(request)
        path, _, _ = request.target.partition("?")
        _, _, collection, *rest = path.split("/")
        body = json.loads(request.body) if request.body else {}
        if rest[1:] == ["limits"]:
            return json_response({"limits": self.limits})
        if rest[-1:] == ["adjust"]:
            return self._adjust(path, rest[2], body)
        if collection == "overrides":
            return self._override(request.method, path, rest, body)
        if collection == "keys":
            key = {**KEY, "plan": body.get("plan", "pro"), "limits": self.limits}
            return json_response(key if rest else {"items": [key], "next": None})
        return self._named(request, collection, rest, body)

    def _adjust(self, path: str, name: str, body: dict[str, Any]) -> StubResponse:
        found = next((limit for limit in self.limits if limit["name"] == name), None)
        if found is None:
            return problem_response(404, "not-found", instance=path)
        used = body["used"] if "used" in body else found["used"] + body["add"]
        return json_response({**found, "used": used, "remaining": found["limit"] - used})

    def _override(self, method: str, path: str, rest: list[str], body: dict[str, Any]) -> StubResponse:
        if method == "GET":
            return json_response({"items": [OVERRIDE, KEY_OVERRIDE], "next": None})
        if method == "DELETE":
            return DELETED if rest == ["7"] else problem_response(404, "not-found", instance=path)
        return json_response({"id": 9, "granted_at": "2027-01-01T00:00:00Z", "ended_at": None, **body}, 201)

    def _named(self, request: Request, collection: str, rest: list[str], body: dict[str, Any]) -> StubResponse:
        things = self.plans if collection == "plans" else self.owners
        if not rest and request.method == "GET":
            return _page(list(things.values()), request.target)
        if not rest:
            return json_response({**(OWNER if collection == "owners" else {}), **body}, 201)
        if rest[0] not in things:
            return problem_response(404, "not-found", instance=request.target)
        if request.method == "DELETE":
            return DELETED
        if request.fields.get("if-match", self.etag) != self.etag:
            return problem_response(412, "precondition-failed", instance=request.target)
        shown = json_response({**things[rest[0]], **body}, ETag=self.etag)
        self.etag = self.etag_after_reading
        return shown


def _page(items: list[Any], target: str) -> StubResponse:
    query = parse_qs(urlsplit(target).query)
    start = int(query.get("cursor", ["0"])[0])
    end = start + int(query.get("limit", ["100"])[0])
    return json_response({"items": items[start:end], "next": str(end) if end < len(items) else None})


@contextmanager
def plans_server() -> Iterator[PlansServer]:
    """Serve the plan `pro`, its owner `acme`, and any key."""
    found = PlansServer()
    with stub(found.reply) as running:
        found.url = running.url
        yield found
