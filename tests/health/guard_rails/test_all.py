"""What all guard rails have in common: names, severities, and nothing found in a well configured key."""

import pytest

from apikeys.config_service import ConfigService
from health.guard_rails import BY_NAME, GUARD_RAILS, Severity
from tests.health.guard_rails.findings import NOW, WELL_CONFIGURED

pytestmark = pytest.mark.django_db


def test_names_and_severities() -> None:
    assert len(BY_NAME) == len(GUARD_RAILS) == 20
    assert {rail.name for rail in GUARD_RAILS if not rail.severity.degrades} == {
        "key_without_expiry",
        "unused_key",
        "shortened_usage",
    }
    assert {rail.name for rail in GUARD_RAILS if rail.severity is Severity.CRITICAL} == {
        "bucket_store",
        "broken_event_log",
        "absent_steward",
        "full_disk",
        "unwritable_database",
    }
    for rail in GUARD_RAILS:
        assert rail.remediation.endswith(f" See https://keys.example.test/guard-rails/{rail.name}.")


def test_well_configured_key_violates_nothing(keys: ConfigService) -> None:
    keys.issue(WELL_CONFIGURED)
    assert [rail.name for rail in GUARD_RAILS if rail.find(NOW)] == []
