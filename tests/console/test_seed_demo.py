"""Data set of the demo: consistent with the guard rails, and the same for the same seed."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Sum
from pytest_django import DjangoDbBlocker

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, KeyCaller, KeyCensus, KeySecret, Owner, Usage, UsageStep, UsageTotal
from console.demo_data.demand import Demand, Rhythm, Surge
from console.demo_data.seeding import create_demo_data
from console.demo_data.usage_rows import spread
from console.limits.near_end import quotas_near_end
from events.models import Event, WebhookEndpoint
from events.webhooks.next_delivery import due_endpoints, undelivered
from health.incidents import open_incidents
from health.models import Incident, Waiver
from ratelimit.limit import Limit
from ratelimit.limiter import default_limiter
from ratelimit.stores import MemoryStore

pytestmark = [pytest.mark.django_db, pytest.mark.slow("fills databases")]
KEYS = 30
NOW = datetime(2027, 3, 17, 14, 25, 10, tzinfo=UTC)
OPEN = {"unlimited_key", "expiring_key", "overdue_rotation", "dead_webhook", "unused_key"}


class RollBack(Exception):
    """Exception that rolls back the transaction."""


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("seed_demo", "--keys", str(KEYS), *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def seeded(seed: int) -> dict[str, list[Any]]:
    """Return the data that a seed creates, without IDs and secrets, and roll it back."""
    found: dict[str, list[Any]] = {}
    try:
        with transaction.atomic():
            create_demo_data(NOW, seed, KEYS, lambda _moment: None)
            found["keys"] = list(APIKey.objects.order_by("pk").values_list("label", "owner", "scopes", "rate_limit"))
            keys = APIKey.objects.order_by("pk").prefetch_related("usage_marks")
            found["times"] = [(key.created_at, key.expires_at, key.last_used_at) for key in keys]
            found["events"] = list(Event.objects.order_by("pk").values_list("type", "at", "actor"))
            found["totals"] = list(UsageTotal.objects.order_by("step", "start").values_list("step", "start", "allowed"))
            found["callers"] = list(
                KeyCaller.objects.order_by("pk").values_list("kind", "value", "requests", "last_seen")
            )
            raise RollBack
    except RollBack:
        return found


@pytest.fixture(scope="class")
def demo(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Return the output of `seed_demo`. The tests of the class share the data, and none of them changes it."""
    default_limiter.cache_clear()
    with django_db_blocker.unblock(), transaction.atomic():
        yield run()
        transaction.set_rollback(True)


@pytest.mark.usefixtures("demo")
class TestSeeded:
    """Consistency of the data."""

    def test_callers_match_the_usage(self) -> None:
        key = APIKey.objects.filter(usage__step="day", usage__allowed__gt=1000).distinct().order_by("pk")[0]
        used = Usage.objects.filter(key=key, step="day").aggregate(total=Sum("allowed") + Sum("throttled"))["total"]
        for kind in ("address", "service"):
            rows = KeyCaller.objects.filter(key=key, kind=kind)
            assert sum(row.requests for row in rows) == used
            assert max(row.last_seen for row in rows) == key.last_used_at
        assert all(row.first_seen <= row.last_seen for row in KeyCaller.objects.all())

    def test_incidents_match_the_guard_rails(self, demo: str) -> None:
        """The chain is intact, a sweep finds nothing new, and events report every incident."""
        assert f"keys            {KEYS}" in demo
        call_command("verify_event_log", stdout=io.StringIO())
        before = list(Incident.objects.order_by("pk").values())
        assert {incident.guard_rail for incident in open_incidents()} == OPEN
        with pytest.raises(SystemExit):
            call_command("check_guard_rails", stdout=io.StringIO(), stderr=io.StringIO())
        assert list(Incident.objects.order_by("pk").values()) == before
        closed = Incident.objects.filter(closed_at__isnull=False)
        recently = set(
            closed.filter(opened_at__gt=Event.objects.latest("at").at - timedelta(days=30)).values_list(
                "guard_rail", flat=True
            )
        )
        assert recently == {
            "unlimited_key",
            "excessive_burst",
            "expiring_key",
            "authentication_failures",
            "sustained_throttling",
        }
        for incident in closed.exclude(severity="notice"):
            events = [Event.objects.get(id=event) for event in (incident.opened_by, incident.closed_by) if event]
            assert [event.data["component"] for event in events] == [incident.guard_rail] * 2
            assert [event.at for event in events] == [incident.opened_at, incident.closed_at]
            assert [event.data["status"] for event in events] == ["degraded", "ok"]
        moments = list(Event.objects.order_by("id").values_list("at", flat=True))
        assert moments == sorted(moments)

    def test_rotations_webhooks_and_waiver(self) -> None:
        retiring = {
            secret.key.label: secret for secret in KeySecret.objects.filter(state="retiring").select_related("key")
        }
        now = APIKey.objects.get(label="session service").secrets.get(state="active").created_at + timedelta(minutes=40)
        left = {label: secret.expires_at - now for label, secret in retiring.items() if secret.expires_at}
        idle = {label: now - secret.last_used_at for label, secret in retiring.items() if secret.last_used_at}
        assert left.keys() == idle.keys() == {"order events relay", "warehouse gateway", "session service"}
        assert idle["order events relay"] > timedelta(days=1)
        assert left["warehouse gateway"] < timedelta(days=1)
        assert max(idle["warehouse gateway"], idle["session service"]) < timedelta(minutes=5)
        healthy, dead = WebhookEndpoint.objects.order_by("pk")
        assert (healthy.enabled, dead.enabled, dead.disabled_reason) == (True, False, "dead")
        assert not undelivered(healthy).exists()
        assert (healthy.last_status, healthy.failures) == (204, 0)
        sent = list(healthy.attempts.values_list("event_type", "outcome"))
        assert sent[-1] == ("WebhookDisabled", "delivered")
        assert len(sent) > 1
        assert [(one.outcome, one.error) for one in dead.attempts.all()] == [("failed", "host not found")]
        assert due_endpoints(now) == []
        assert Waiver.objects.in_force(now).count() == 1
        assert min(KeyCensus.objects.get().counts.values()) > 0

    def test_plans_have_owners_and_used_quotas(self, now: datetime) -> None:
        plans = {owner.name: owner.plan_name for owner in Owner.objects.all()}
        assert plans == {"partners": "partner", "mobile": "internal", "analytics": "internal", "newcomers": None}
        near = {(one.name, one.quota.limit) for one in quotas_near_end(now)}
        assert near == {("Partner program", "monthly"), ("trial of Adventure Works", "credits")}

    def test_totals_are_sums_of_keys_and_steps(self) -> None:
        sums = Usage.objects.values("step", "start").annotate(a=Sum("allowed"), t=Sum("throttled"))
        totals = UsageTotal.objects.values_list("step", "start", "allowed", "throttled")
        assert set(totals) == {(row["step"], row["start"], row["a"], row["t"]) for row in sums}
        by_day = dict(UsageTotal.objects.filter(step=UsageStep.DAY).values_list("start", "allowed"))
        for day, allowed in by_day.items():
            hours = UsageTotal.objects.filter(step=UsageStep.HOUR, start__gte=day, start__lt=day + timedelta(days=1))
            assert hours.aggregate(sum=Sum("allowed"))["sum"] == allowed
        assert len(by_day) == 31
        key = APIKey.objects.get(label="stock level poller")
        last = key.usage.filter(step=UsageStep.HOUR).latest("start")
        minutes = key.usage.filter(step=UsageStep.MINUTE, start__gte=last.start)
        assert minutes.aggregate(a=Sum("allowed"), t=Sum("throttled")) == {"a": last.allowed, "t": last.throttled}


def test_same_seed_gives_same_data() -> None:
    first = seeded(7)
    assert not APIKey.objects.exists()
    assert first == seeded(7)
    assert first["totals"] != seeded(8)["totals"]


def test_seed_after_first_start(store: MemoryStore) -> None:
    call_command("first_start", stdout=io.StringIO())
    assert "lks_" not in run()
    assert all(not record.used_ns for _, record in store.scan_records())
    assert APIKey.objects.count() == KEYS + 1


def test_installation_in_use_is_refused(service: ConfigService) -> None:
    service.issue({"label": "existing"})
    with pytest.raises(CommandError, match="in use") as caught:
        run()
    assert (caught.value.returncode, APIKey.objects.count()) == (2, 1)


@pytest.mark.parametrize("number", ["19", "1001", "many"])
def test_number_of_keys_is_validated(number: str) -> None:
    with pytest.raises(CommandError, match="a whole number from 20 to 1000"):
        run("--keys", number)


def test_demand_under_a_limit() -> None:
    hour = datetime(2027, 3, 17, 10, tzinfo=UTC)
    limit = Limit(burst=60, per_seconds=60)
    calm, surge = Demand(2400, Rhythm.CLOCKWORK), Surge(hour, hour + timedelta(hours=1), 10_000)
    assert calm.simulate_hour(hour, 60, limit, Random(1))[1] == 0
    allowed, throttled = Demand(2400, Rhythm.CLOCKWORK, surges=(surge,)).simulate_hour(hour, 60, limit, Random(1))
    assert (allowed, throttled > 6000) == (3600, True)
    assert Demand(2400, Rhythm.CLOCKWORK, surges=(surge,)).simulate_hour(surge.end, 60, limit, Random(1))[1] == 0


@pytest.mark.parametrize(("total", "parts"), [(0, 5), (3, 60), (1000, 7)])
def test_spread_keeps_the_total(total: int, parts: int) -> None:
    shares = spread(total, parts, Random(1))
    assert (sum(shares), len(shares), min(shares) >= 0) == (total, parts, True)
