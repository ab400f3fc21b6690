"""Waivers over REST and by command: validation, output and permissions."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apikeys.config_service import ConfigService, IssuedKey
from events.origin import Origin
from health.models import Waiver
from health.waivers import Waivers
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError
from tests.conftest import Caller

pytestmark = pytest.mark.django_db


def later(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def run(*arguments: str) -> tuple[int, Any]:
    """Run a command; return its exit status and its JSON."""
    out = io.StringIO()
    try:
        call_command(*arguments, "--format", "json", stdout=out)
    except SystemExit as error:
        return int(str(error.code)), json.loads(out.getvalue())
    except CommandError as error:
        return error.returncode, str(error)
    return 0, json.loads(out.getvalue())


def test_life_of_a_waiver_over_rest(api: Caller, root: IssuedKey) -> None:
    values = {"guard_rail": "unlimited_key", "key_id": root.key.key_id, "reason": "load test", "ends_at": later(3)}
    answer = api.post("/v1/waivers", values)
    assert answer.status_code == 201
    granted = answer.json()
    assert granted["granted_by"] == f"key:{root.key.key_id}"
    assert granted["ended_at"] is None
    assert api.get("/v1/waivers").json() == {"items": [granted]}
    assert api.delete(f"/v1/waivers/{granted['id']}").status_code == 204
    assert api.get("/v1/waivers").json() == {"items": []}
    assert api.delete(f"/v1/waivers/{granted['id']}").status_code == 404


@pytest.mark.parametrize(
    ("values", "pointers"),
    [
        ({}, ["/guard_rail", "/reason", "/ends_at"]),
        ({"guard_rail": "unlimited_key", "reason": "x", "ends_at": later(1), "key_id": " "}, ["/key_id"]),
        ({"guard_rail": "speed", "reason": "", "ends_at": "2001-01-01T00:00:00Z"}, ["/guard_rail", "/reason", "/ends_at"]),
        ({"guard_rail": "unlimited_key", "reason": "x", "ends_at": later(367)}, ["/ends_at"]),
        ({"guard_rail": "absent_steward", "reason": "x", "ends_at": later(1), "key_id": "lk_000000000000"}, ["/key_id"]),
        ({"guard_rail": ["unlimited_key"], "reason": "x", "ends_at": later(1), "forever": True}, ["/guard_rail", "/forever"]),
    ],
)  # fmt: skip
def test_invalid_waivers(api: Caller, values: dict[str, object], pointers: list[str]) -> None:
    answer = api.post("/v1/waivers", values)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


def test_waiver_for_an_unknown_key_is_404(api: Caller) -> None:
    values = {"guard_rail": "unlimited_key", "reason": "x", "ends_at": later(1), "key_id": "lk_000000000000"}
    assert api.post("/v1/waivers", values).status_code == 404


def test_waiver_for_ignored_key_is_rejected(api: Caller, service: ConfigService) -> None:
    gone = service.issue({"label": "x", "rate_limit": None}).key.key_id
    service.revoke(gone)
    own = service.issue({"label": "own"}, system=True).key.key_id
    for key_id, code in ((gone, "revoked-key"), (own, "system-key")):
        values = {"guard_rail": "unlimited_key", "reason": "x", "ends_at": later(1), "key_id": key_id}
        answer = api.post("/v1/waivers", values)
        assert (answer.status_code, [fault["code"] for fault in answer.json()["errors"]]) == (422, [code])
        assert run("grant_waiver", "unlimited_key", "--key", key_id, "--reason", "x", "--ends-in", "1d")[0] == 2
    assert not Waiver.objects.exists()


@pytest.mark.parametrize("of_one_key", [True, False])
def test_redundant_waiver_is_rejected(api: Caller, root: IssuedKey, of_one_key: bool) -> None:
    values = {"guard_rail": "unlimited_key", "key_id": root.key.key_id, "reason": "x", "ends_at": later(2)}
    first = {**values} if of_one_key else {name: value for name, value in values.items() if name != "key_id"}
    granted = api.post("/v1/waivers", first).json()
    again = api.post("/v1/waivers", values)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "waived-already")
    assert f"Waiver {granted['id']} already silences this" in again.json()["detail"]
    assert api.post("/v1/waivers", {**values, "ends_at": later(1)}).status_code == 422
    assert api.post("/v1/waivers", {**values, "ends_at": later(3)}).status_code == 201, "a later end is an extension"
    assert api.post("/v1/waivers", {**values, "guard_rail": "unused_key"}).status_code == 201


def test_repeated_command_grants_one_waiver(root: IssuedKey) -> None:
    command = ("grant_waiver", "unlimited_key", "--key", root.key.key_id, "--reason", "x", "--ends-in", "14d")
    assert [run(*command)[0] for _ in range(2)] == [0, 2]


def test_reading_health_does_not_grant_waivers(service: ConfigService) -> None:
    reader = Caller(service.issue({"label": "x", "scopes": ["health:read"]}).credential.reveal())
    assert reader.get("/v1/waivers").status_code == 200
    assert reader.post("/v1/waivers", {}).status_code == 403
    assert reader.delete("/v1/waivers/1").status_code == 403


def test_check_guard_rails_output_and_exit_status(service: ConfigService) -> None:
    assert run("check_guard_rails") == (0, {"status": "ok", "degraded": [], "guard_rails": [], "waivers": []})
    key_id = service.issue({"label": "x"}).key.key_id
    assert run("check_guard_rails")[0] == 0, "a notice degrades nothing"
    assert run("check_guard_rails", "--least", "notice")[0] == 2
    service.update(key_id, {"rate_limit": None})
    status, found = run("check_guard_rails")
    assert (status, found["status"], found["degraded"]) == (2, "degraded", ["unlimited_key"])
    violation = found["guard_rails"][-1]
    assert list(violation) == ["name", "severity", "count", "since", "detail", "remediation"]
    assert (violation["name"], violation["severity"], violation["count"]) == ("unlimited_key", "warning", 1)
    assert run("check_guard_rails", "--least", "critical")[0] == 0


def test_commands_grant_and_end_waivers(service: ConfigService) -> None:
    key_id = service.issue({"label": "x", "rate_limit": None}).key.key_id
    arguments = ("grant_waiver", "unlimited_key", "--key", key_id, "--reason", "load test", "--ends-in", "2d")
    status, waiver = run(*arguments)
    assert (status, waiver["granted_by"]) == (0, "command:grant_waiver")
    status, found = run("check_guard_rails")
    assert (status, [held["id"] for held in found["waivers"]]) == (0, [waiver["id"]])
    assert run("end_waiver", str(waiver["id"]))[0] == 0
    assert run("end_waiver", str(waiver["id"]))[0] == 2
    assert run("check_guard_rails")[0] == 2
    end = later(2)[:19] + "Z"
    assert run("grant_waiver", "unlimited_key", "--reason", "x", "--ends-in", end)[1]["ends_at"] == end
    assert run("grant_waiver", "speed", "--reason", "x", "--ends-in", "2d")[0] == 2


def test_table_says_what_to_do(service: ConfigService) -> None:
    key_id = service.issue({"label": "x", "rate_limit": None}).key.key_id
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("check_guard_rails", stdout=out)
    text = out.getvalue()
    assert text.startswith("GUARD RAIL")
    assert f"unlimited_key: Keys that have no enforced limit: {key_id}.\n  Set a rate limit for each key" in text


def test_waived_bucket_store_does_not_degrade_health(
    anonymous: Caller, api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        api.post("/v1/waivers", {"guard_rail": "bucket_store", "reason": "moving it", "ends_at": later(1)}).status_code
        == 201
    )

    def fail(*_: object) -> None:
        raise BucketStoreError("no room")

    monkeypatch.setattr(default_limiter().store, "ping", fail)
    assert anonymous.get("/health").json() == {"status": "ok"}


def test_waiver_of_a_removed_guard_rail_ends(service: ConfigService) -> None:
    now = datetime.now(UTC)
    Waiver.objects.create(guard_rail="gone", reason="x", granted_by="x", granted_at=now, ends_at=now)
    assert Waivers(Origin.of_system()).end_due() == 1
