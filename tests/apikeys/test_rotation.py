"""A rotation as the server knows it, and the command that ends it."""

import io
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import KeySecret
from apikeys.rotation import Rotation, rotation_of
from apikeys.usage.rollup import UsageRollup
from events.origin import Origin
from ratelimit.limiter import Limiter
from ratelimit.stores import MemoryStore
from tests.conftest import Clock
from tests.support.last_use import set_last_use
from tests.support.terminal import Terminal

pytestmark = pytest.mark.django_db
OLD, NEW = 0, 1
HOUR = 3600


class Rotating:
    """A key that is rotated by a clock, and the store that knows its use."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        limiter = Limiter(MemoryStore(clock))
        self._limiter, self._rollup = limiter, UsageRollup(limiter.store)
        self.service = ConfigService(Origin("command:test", "r"), limiter=limiter, now=self.now)
        self.key = self.service.issue({"label": "nightly"}).key
        self.use(OLD, epoch=1)
        self.service.rotate(self.key.key_id, {"grace_seconds": 864_000})

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.seconds(), UTC)

    def use(self, slot: int, *, epoch: int = 2) -> None:
        self._limiter.take(self.key.key_id, None, cost=1, epoch=epoch, slot=slot)

    def write_down(self) -> None:
        self._rollup.write_pending()

    def found(self) -> Rotation | None:
        return rotation_of(self.key, self.now(), self._limiter)

    def state_after(self, seconds: float) -> str:
        self._clock.move(seconds)
        rotation = self.found()
        return rotation.state if rotation else "none"


@pytest.fixture
def rotating(clock: Clock) -> Rotating:
    return Rotating(clock)


def test_not_ready_while_new_secret_is_unused(rotating: Rotating) -> None:
    assert [rotating.state_after(seconds) for seconds in (0, 5 * HOUR, 24 * HOUR)] == ["unused"] * 3


def test_quiet_time_starts_with_first_use_of_new_secret(rotating: Rotating) -> None:
    rotating.state_after(5 * HOUR)
    rotating.use(NEW)
    assert rotating.state_after(0) == "settling"
    rotating.write_down()
    for _ in range(3):
        rotating.use(NEW)
        rotating.write_down()
        assert rotating.state_after(HOUR / 4) == "settling"
    assert rotating.state_after(HOUR / 4) == "ready", "its later uses move nothing"
    rotating.use(OLD)
    assert [rotating.state_after(seconds) for seconds in (HOUR - 1, 1)] == ["in-use", "ready"]


def test_unwritten_first_use_equals_last_use(rotating: Rotating) -> None:
    rotating.use(NEW)
    assert rotating.state_after(2 * HOUR) == "ready"
    rotating.use(NEW)
    assert rotating.state_after(0) == "settling"


def test_first_use_stays(rotating: Rotating) -> None:
    rotating.use(NEW)
    rotating.write_down()
    first = rotating.now()
    rotating.state_after(2 * HOUR)
    rotating.use(NEW)
    rotating.write_down()
    new = KeySecret.objects.get(slot=NEW)
    assert (new.first_used_at, new.last_used_at) == (first, rotating.now())


def test_no_rotation(rotating: Rotating, clock: Clock) -> None:
    service = rotating.service
    assert rotating.state_after(864_000) == "none", "its grace is over"
    clock.move(-864_000)
    service.finish_rotation(rotating.key.key_id)
    assert rotating.found() is None
    service.rotate(rotating.key.key_id)
    rotating.key = service.revoke(rotating.key.key_id)
    assert rotating.found() is None, "neither secret works"


def test_warning_names_secret_last_use_and_requests(rotating: Rotating) -> None:
    rotating.use(OLD)
    rotating.write_down()
    rotation = rotating.found()
    assert rotation
    at = f"{rotating.now():%Y-%m-%dT%H:%M:%SZ}"
    assert rotation.warning == (
        f"The new secret has never been used. Ending the old secret ({rotation.old.pk}, last used {at}) locks out every "
        "client that still uses it. Requests in the last 24 hours: 2, none of them with the new secret."
    )
    rotating.use(NEW)
    rotating.state_after(2 * HOUR)
    assert getattr(rotating.found(), "warning", None) == ""


def finish(key_id: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command("finish_rotation", key_id, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def secrets(issued: IssuedKey) -> int:
    return KeySecret.objects.filter(key=issued.key).count()


@pytest.mark.parametrize(
    ("used", "doubt"),
    [
        ({}, "new secret has never been used"),
        ({NEW: 2, OLD: 0.9}, "old secret was used within the last hour"),
        ({NEW: 0.9, OLD: 2}, "new secret was first used less than an hour ago"),
    ],
)
def test_command_requires_yes_to_end_used_secret(
    service: ConfigService, root: IssuedKey, used: dict[int, float], doubt: str
) -> None:
    service.rotate(root.key.key_id)
    for slot, hours in used.items():
        at = timezone.now() - timedelta(hours=hours)
        set_last_use(root.key, at, slot=slot, first_at=at)
    with pytest.raises(CommandError, match=doubt) as caught:
        finish(root.key.key_id)
    assert (caught.value.returncode, "add --yes" in str(caught.value), secrets(root)) == (2, True, 2)
    assert root.key.key_id in finish(root.key.key_id, "--yes")
    assert secrets(root) == 1


@pytest.mark.parametrize(("typed", "left"), [("lk_000000000000", 2), (None, 1)])
def test_command_asks_on_terminal(
    service: ConfigService, root: IssuedKey, monkeypatch: pytest.MonkeyPatch, typed: str | None, left: int
) -> None:
    service.rotate(root.key.key_id)
    monkeypatch.setattr("sys.stdin", Terminal(f"{typed or root.key.key_id}\n"))
    with pytest.raises(CommandError, match="Nothing was changed") if typed else nullcontext():
        call_command("finish_rotation", root.key.key_id, stdout=io.StringIO(), stderr=Terminal())
    assert secrets(root) == left


def test_command_ends_unused_secret_without_asking(service: ConfigService, root: IssuedKey) -> None:
    service.rotate(root.key.key_id)
    at = timezone.now() - timedelta(hours=1, seconds=1)
    set_last_use(root.key, timezone.now(), slot=NEW, first_at=at)
    finish(root.key.key_id)
    finish(root.key.key_id)
    assert secrets(root) == 1
