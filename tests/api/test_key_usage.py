"""GET /v1/keys/{key_id}/usage."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.config_service import IssuedKey
from apikeys.models import UnitUsage, Usage, UsageStep
from apikeys.usage.steps import step_start
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_usage_by_step(api: Caller, root: IssuedKey) -> None:
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    for minutes, allowed in ((0, 1), (1, 2), (61, 4), (60 * 24, 8)):
        moment = midnight + timedelta(minutes=minutes)
        for step in UsageStep:
            row, _ = Usage.objects.get_or_create(key=root.key, step=step, start=step_start(step, moment))
            Usage.objects.filter(pk=row.pk).update(allowed=row.allowed + allowed)
    path = f"/v1/keys/{root.key.key_id}/usage"
    asked = {"since": midnight.isoformat().replace("+00:00", "Z")}

    def rows(step: str) -> list[int]:
        return [row["allowed"] for row in api.get(path, {**asked, "step": step}).json()]

    assert rows("day") == [7, 8]
    assert rows("hour") == [3, 4, 8]
    assert api.get(path, {**asked, "step": "minute"}).status_code == 422
    until = (midnight + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    minutes = api.get(path, {**asked, "until": until, "step": "minute"}).json()
    assert [row["allowed"] for row in minutes] == [1, 2, 4]
    assert list(minutes[0]) == ["start", "allowed", "throttled"]
    assert RFC3339.fullmatch(minutes[0]["start"])


def test_usage_by_unit_is_with_the_step(api: Caller, root: IssuedKey) -> None:
    hour = step_start(UsageStep.HOUR, timezone.now())
    earlier = hour - timedelta(hours=2)
    Usage.objects.create(key=root.key, step="hour", start=earlier, allowed=3)
    for start, unit, charged, returned in ((earlier, "tokens", 10**15, 288), (earlier, "a", 1, 0), (hour, "a", 5, 5)):
        UnitUsage.objects.create(key=root.key, step="hour", start=start, unit=unit, charged=charged, returned=returned)
    first, second = api.get(f"/v1/keys/{root.key.key_id}/usage").json()
    assert list(first) == ["start", "allowed", "throttled", "units"]
    assert first["units"] == {"a": {"charged": 1, "returned": 0}, "tokens": {"charged": 10**15, "returned": 288}}
    # A step can have units alone: what is given back belongs to the time of the estimate.
    assert second == {**second, "allowed": 0, "throttled": 0, "units": {"a": {"charged": 5, "returned": 5}}}
    assert api.get("/v1/whoami/usage").json()[0]["units"] == first["units"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("since=yesterday", "/since"),
        ("until=5", "/until"),
        ("step=year", "/step"),
        ("since=2099-01-01T00:00:00Z", "/since"),
        ("until=0001-01-01T12:00:00Z", "/since"),
    ],
)
def test_invalid_usage_parameters_are_rejected(api: Caller, root: IssuedKey, query: str, pointer: str) -> None:
    response = api.get(f"/v1/keys/{root.key.key_id}/usage?{query}")
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
