import pytest
from django.core.checks import run_checks
from pytest_django import Settings


def ids() -> list[str | None]:
    return [message.id for message in run_checks() if (message.id or "").startswith("ratelimit.")]


def test_defaults_are_valid() -> None:
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value", "identifier"),
    [
        ("BUCKET_STORE_URL", "carrier://pigeon", "ratelimit.E001"),
        ("WORKERS", 2, "ratelimit.E002"),
        ("DEFAULT_RATE_LIMIT", '{"burst": true, "per_seconds": 60}', "ratelimit.E003"),
        ("DEFAULT_RATE_LIMIT", "sixty", "ratelimit.E003"),
        ("AUTH_FAILURE_LIMIT", "{}", "ratelimit.E004"),
        ("AUTH_FAILURE_LIMIT", "null", "ratelimit.E004"),
        ("DEFAULT_RATE_LIMIT", "null", "ratelimit.W005"),
    ],
)
def test_each_fault_has_its_id_and_a_hint(settings: Settings, name: str, value: object, identifier: str) -> None:
    setattr(settings, name, value)
    assert ids() == [identifier]
    assert all(message.hint for message in run_checks() if message.id == identifier)


def test_several_workers_can_share_lmdb(settings: Settings) -> None:
    settings.WORKERS, settings.BUCKET_STORE_URL = 8, "lmdb:///tmp/none"
    assert ids() == []
