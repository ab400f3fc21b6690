"""The document and the rules accept the same values: neither is looser than the other."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

import apikeys.imports.source_values
import apikeys.pages
import apikeys.policies.pages
import apikeys.policies.validation
import apikeys.usage.report
import events.pages
import events.webhooks.attempt_pages
import events.webhooks.validation
import gateway.check_parameters
import gateway.reserve
import gateway.verify
import health.waivers
from apikeys import validation
from latchkey.query import Parameter, parse_parameters
from latchkey.strict_json import MalformedJSON, loads
from latchkey.validation import InvalidParameters, Rule, clean
from tests.openapi.document import accepts, document, operations

NOW = datetime(2027, 1, 31, tzinfo=UTC)
SOON = "2027-02-28T00:00:00Z"
KEY_ID = "lk_0123456789ab"
LIMIT = {"name": "a", "rate": {"burst": 10**9, "per_seconds": 1}}
QUOTA = {"quota": 1, "per": "month"}
SOURCE = {"name": "x", "hash": "sha256", "alphabet": "hex", "min_length": 20}

# The rules of each request, and a body that they accept.
REQUESTS: dict[str, tuple[Mapping[str, Rule], dict[str, Any]]] = {
    "KeyCreate": (validation.CREATE_RULES, {"label": "x"}),
    "KeyUpdate": (validation.UPDATE_RULES, {}),
    "KeyImport": (apikeys.imports.source_values.IMPORT_RULES, {"source": SOURCE, "keys": []}),
    "Rotate": (validation.ROTATE_RULES, {}),
    "Finish": (validation.FINISH_RULES, {}),
    "WebhookCreate": (events.webhooks.validation.RULES, {"url": "https://host.example/"}),
    "WebhookUpdate": (events.webhooks.validation.RULES, {}),
    "WebhookRotate": (events.webhooks.validation.ROTATE_RULES, {}),
    "WaiverGrant": (health.waivers.RULES, {"guard_rail": "unused_key", "reason": "x", "ends_at": SOON}),
    "PlanCreate": (apikeys.policies.validation.PLAN_RULES, {"name": "x", "limits": []}),
    "PlanUpdate": (apikeys.policies.validation.PLAN_UPDATE_RULES, {}),
    "OwnerCreate": (apikeys.policies.validation.OWNER_RULES, {"name": "x"}),
    "OwnerUpdate": (apikeys.policies.validation.OWNER_UPDATE_RULES, {}),
    "OverrideCreate": (apikeys.policies.validation.OVERRIDE_RULES, {"limit": "x", "until": SOON}),
    "Adjustment": (apikeys.policies.validation.ADJUST_RULES, {"reason": "x"}),
    "VerifyRequest": (gateway.verify.RULES, {"credential": "x"}),
    "ReserveRequest": (gateway.reserve.RULES, {"credential": "x", "ttl_seconds": 1}),
    "SettleRequest": (gateway.reserve.SETTLE_RULES, {}),
    "ExtendRequest": (gateway.reserve.EXTEND_RULES, {"ttl_seconds": 1}),
}


def is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > 100 and not value.isascii()


# Where they differ, because JSON Schema cannot say it: an owner is bounded by its bytes as well, and the limits of a plan
# have different names. A waiver's key id is looked up, and one of another shape is not found.
EXCEPTIONS: dict[str, Callable[[Any], bool]] = {
    "owner": is_long,
    "name": is_long,
    "limits": lambda value: isinstance(value, list) and value[1:] == value[:-1] != [],
    "key_id": lambda value: isinstance(value, str) and value != KEY_ID,
}

ODD: list[object] = [
    None, True, False, 0, 1, -1, 1.5, 10**20, "", " ", "\t", "x", " x ", "é", "x\ny", "x\x00", "x\x7f", "x\u202e", "x\u2028",
    "\u2066", "\u200b", "\u3164 \u2800", "\ufeffx", [], [None], [1], ["x"], [[]], ["*", "verify", "orders:read", "a.b_c-d:*"], ["Orders:read"], ["a:b:c"], ["x y"],
    ["orders:read\n"], {}, {"a": [None, 1.5, {"b": "c"}]}, "lk_0123456789ab", "lk_0123456789aB", "lk_0123456789ab\n",
    SOON, "2027-02-28T00:00:00.5+01:00", "2027-02-28", "2027-02-28T00:00:00", "tomorrow",
    {"burst": 1, "per_seconds": 1}, {"burst": 1}, {"burst": 1, "per_seconds": 1, "x": 1}, {"burst": True, "per_seconds": 1},
    {"burst": "1", "per_seconds": 1}, {"burst": None, "per_seconds": 1},
    SOURCE, {**SOURCE, "prefix": "a_", "max_length": 256}, {**SOURCE, "max_length": 257}, {**SOURCE, "min_length": 15},
    {**SOURCE, "hash": "hmac-sha256"}, {**SOURCE, "hash": "md5"}, {**SOURCE, "alphabet": "hex+"}, {**SOURCE, "alphabet": "base62+.~"},
    {**SOURCE, "name": "X"}, {**SOURCE, "name": ""}, {**SOURCE, "prefix": None}, {**SOURCE, "prefix": "a b"}, {**SOURCE, "more": 1},
    "https://host.example", "http://host.example/", "https://host.example:65535/a?b=c", "https://host.example:65536/",
    "https://host.example:0/", "https://a@host.example/", "https://host.example/#a", "ftp://host.example/", "https:///a",
    [LIMIT, {"name": "b", "quota": QUOTA}, {"name": "c", "concurrency": 1000}], [{**LIMIT, "unit": "tokens", "mode": "observe", "shared": "owner"}],
    [{"name": "a"}], [{**LIMIT, "quota": QUOTA}], [{**LIMIT, "name": "A"}], [{**LIMIT, "mode": "warn"}], [{**LIMIT, "shared": None}], [{**LIMIT, "x": 1}],
    [{"name": "b", "quota": {**QUOTA, "timezone": "Europe/Berlin", "starts": "anchor"}}], [{"name": "b", "quota": {**QUOTA, "per": "year"}}],
    [{"name": "b", "quota": {"quota": 1}}], [{"name": "b", "quota": {**QUOTA, "quota": 10**15 + 1}}], [{"name": "c", "concurrency": 1001}],
    "2026-01-31", "2026-02-30", "20260131", "2026-W05-6", "acme", "acme_1", "a" * 32, "a" * 33, "a" * 64, "a" * 65,
    "https://[::1]/", "https://host.example/ä", "https://host..example/", "https://host.example\\a/", "host.example",
]  # fmt: skip


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document()["components"]["schemas"][name] if name else schema
    return found


def around_bounds(schema: dict[str, Any]) -> Iterator[object]:
    """Values on both sides of each bound of a schema."""
    schema = resolved(schema)
    for alternative in schema.get("oneOf", []):
        yield from around_bounds(alternative)
    for bound in ("minimum", "maximum"):
        if bound in schema:
            yield from (schema[bound] + step for step in (-1, 0, 1))
    if "maxLength" in schema:
        yield from (text * (schema["maxLength"] + more) for more in (-1, 0, 1) for text in "xé")
    yield from schema.get("enum", [])
    if "maxItems" in schema:
        items = ["a:b", LIMIT, *resolved(schema["items"]).get("enum", [])]
        item = next(value for value in items if accepts(schema["items"], value))
        yield from ([item] * (schema["maxItems"] + more) for more in (-1, 0, 1))
        yield from ([value] for value in around_bounds(schema["items"]))
        yield ["a:" + "b" * 126]
        yield ["a:" + "b" * 127]
    for name, member in schema.get("properties", {}).items():
        rest = {"burst": 1, "per_seconds": 1}
        yield from ({**rest, name: value} for value in around_bounds(member))


def by_rules(rules: Mapping[str, Rule], body: object, required: list[str]) -> bool:
    try:
        clean(loads(json.dumps(body)), rules, NOW, required=tuple(required))
    except (InvalidParameters, MalformedJSON):
        return False
    return True


def test_every_request_is_compared() -> None:
    bodies = [it.call["requestBody"]["content"]["application/json"] for it in operations() if "requestBody" in it.call]
    assert {body["schema"]["$ref"].rpartition("/")[2] for body in bodies} == set(REQUESTS)


@pytest.mark.parametrize("name", REQUESTS)
def test_fields_are_the_same(name: str) -> None:
    rules, valid = REQUESTS[name]
    schema = document()["components"]["schemas"][name]
    assert (set(schema["properties"]), schema["additionalProperties"]) == (set(rules), False)
    assert sorted(schema.get("required", [])) == sorted(valid)


@pytest.mark.parametrize(
    ("name", "member"), [(name, member) for name, (rules, _) in REQUESTS.items() for member in [*rules, "nonesuch"]]
)
def test_values_are_the_same(name: str, member: str) -> None:
    rules, valid = REQUESTS[name]
    schema = document()["components"]["schemas"][name]
    accepted = 0
    for value in [*ODD, *around_bounds(schema["properties"].get(member, {}))]:
        body = {**valid, member: value}
        by_document, by_server = accepts(schema, body), by_rules(rules, body, schema.get("required", []))
        accepted += by_document
        if not EXCEPTIONS.get(member, lambda _: False)(value):
            assert by_document == by_server, f"{member}: {value!r:.100}"
    assert accepted or member == "nonesuch"


QUERIES: dict[str, list[Parameter]] = {
    "/v1/keys": [*apikeys.pages.QUERY],
    "/v1/events": [*events.pages.QUERY],
    "/v1/keys/{key_id}/usage": [*apikeys.usage.report.QUERY],
    "/v1/whoami/usage": [*apikeys.usage.report.QUERY],
    "/v1/plans": [*apikeys.policies.pages.PLAN_QUERY],
    "/v1/owners": [*apikeys.policies.pages.OWNER_QUERY],
    "/v1/overrides": [*apikeys.policies.pages.OVERRIDE_QUERY],
    "/v1/webhooks/{webhook_id}/deliveries": [*events.webhooks.attempt_pages.QUERY],
    "/v1/check": [*gateway.check_parameters.QUERY],
}
TEXTS = [
    "0", "1", "-1", "1.0", "x", "é", " x", "x" * 200, "x" * 201, "é" * 200, "200", "201", "500", "501", "403", "429", str(2**63 - 1), str(2**63),
    "active", "Active", "KeyIssued", "hour", "lk_0123456789ab", "lk_0123456789aB", "orders:read", "verify", "Orders:read",
    "2027-02-28T00:00:00Z", "2027-02-28", "A" * 22, "A" * 21, "A" * 23, "A" * 21 + "=",
]  # fmt: skip


def test_every_parameter_is_compared() -> None:
    named = {(it.path, p["name"]) for it in operations() for p in it.parameters if p["in"] == "query"}
    assert named == {(path, parameter.name) for path, query in QUERIES.items() for parameter in query}


@pytest.mark.parametrize(("path", "name"), [(path, it.name) for path, query in QUERIES.items() for it in query])
def test_parameters_are_the_same(path: str, name: str) -> None:
    operation = next(it for it in operations() if it.path == path and it.method == "GET")
    schema = next(parameter["schema"] for parameter in operation.parameters if parameter["name"] == name)
    accepted = 0
    for typed in TEXTS:
        value: object = [typed] if schema["type"] == "array" else typed
        if schema["type"] == "integer" and typed.removeprefix("-").isdecimal():
            value = int(typed)
        try:
            parse_parameters([(name, typed)], QUERIES[path])
        except InvalidParameters:
            by_server = False
        else:
            by_server = True
        accepted += by_server
        assert accepts(schema, value) == by_server, f"{name}: {typed!r:.100}"
    assert accepted
