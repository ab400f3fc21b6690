"""The change feed reports changes of policies to those who keep them."""

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from apikeys.cache.key_cache import KeyCache
from apikeys.cache.policy_followers import PolicyFollowers
from apikeys.cache.record_table import RecordTable
from apikeys.config_service import ConfigService
from apikeys.policies.service import PolicyService
from events.origin import Origin

pytestmark = pytest.mark.django_db


class Follower:
    """Counts what it is asked to read, and fails if told to."""

    def __init__(self, cache: KeyCache) -> None:
        self.calls = list[str]()
        self.error: Exception | None = None
        cache.follow_policies(lambda: self._called("refresh"), lambda: self._called("reload"))

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.error is not None:
            raise self.error

    def after_question(self, cache: KeyCache) -> list[str]:
        """What is read by the next question of the feed."""
        self.calls.clear()
        cache.poller.run_once()
        return list(self.calls)


@pytest.fixture
def cache() -> KeyCache:
    return KeyCache()


@pytest.fixture
def follower(cache: KeyCache) -> Follower:
    return Follower(cache)


@pytest.fixture
def policies_service() -> PolicyService:
    return PolicyService(Origin("command:test", "r"))


def test_everything_is_read_first_and_then_what_changes(
    cache: KeyCache, follower: Follower, policies_service: PolicyService, service: ConfigService
) -> None:
    assert follower.after_question(cache) == ["reload"]
    assert follower.after_question(cache) == []
    policies_service.create_plan({"name": "gold", "limits": []})
    policies_service.create_owner({"name": "ACME", "plan": "gold"})
    assert follower.after_question(cache) == ["refresh"]
    assert follower.after_question(cache) == []
    service.issue({"label": "x"})
    assert follower.after_question(cache) == []
    service.forget_records()
    assert follower.after_question(cache) == ["reload"]


def test_database_error_is_raised_and_the_next_call_tries_again() -> None:
    calls = list[str]()

    def reload() -> None:
        calls.append("reload")
        if len(calls) == 1:
            raise OperationalError("down")

    followers = PolicyFollowers(RecordTable(), lambda: calls.append("refresh"), reload)
    with pytest.raises(OperationalError):
        followers.follow()
    followers.follow()
    followers.follow()
    assert calls == ["reload", "reload"]


def test_invalid_row_does_not_stop_the_feed(cache: KeyCache, follower: Follower) -> None:
    follower.error = ValueError("not a limit")
    with capture_logs() as logs:
        assert follower.after_question(cache) == ["reload"]
    assert [line["event"] for line in logs] == ["policies_not_read"]
    assert not cache.database_is_down
    assert follower.after_question(cache) == ["reload"]
