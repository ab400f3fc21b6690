"""A pytest plugin that sets the environment before Django reads its settings, and tells which services were missing."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

from tests.services import SERVICES

# How long an example takes is no property of the code; the machine may be busy.
settings.register_profile("latchkey", deadline=None)
settings.load_profile("latchkey")

_directory = tempfile.mkdtemp(prefix="latchkey-test-")
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
for _name in (
    "DEBUG",
    "PUBLIC_URL",
    "TRUSTED_PROXIES",
    "WEBHOOK_ALLOWED_NETWORKS",
    "METRICS_PUBLIC",
    "ADMIN_REQUIRE_TOTP",
    "ADMIN_IDLE_TIMEOUT",
    "ADMIN_LOCKOUT_FAILURES",
    "ADMIN_LOCKOUT_DURATION",
    "PORT",
    "WORKERS",
    "LOG_FORMAT",
    "LOG_LEVEL",
):
    os.environ.pop(_name, None)
os.environ |= {
    "DATA_DIR": _directory,
    "SECRET_KEY": "a-key-for-tests-" + "0123456789abcdefghij" * 2,
    "SECRET_PEPPERS": "t2:" + "22" * 32 + ",t1:" + "11" * 32,
    "BUCKET_STORE_URL": "memory://",
    "WORKERS": "1",
    "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", f"sqlite:///{_directory}/test.sqlite3"),
    "DEFAULT_RATE_LIMIT": '{"burst": 60, "per_seconds": 60}',
    "AUTH_FAILURE_LIMIT": '{"burst": 20, "per_seconds": 60}',
    "PUBLIC_URL": "https://keys.example.test",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "LOG_FORMAT": "json",
}


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker by which a test names the service that it needs."""
    config.addinivalue_line("markers", "needs(service): runs where the service answers")


# Files that take minutes: where several processes share the work, none of them is to begin last.
_LONG = ("tests/databases/", "tests/backup/", "tests/gates/test_image.py", "tests/gateway/proxies/", "tests/server/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long files first."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose service is missing; with REQUIRE_SERVICES=1 it fails instead."""
    for marker in item.iter_markers("needs"):
        service = SERVICES[marker.args[0]]
        if service.missing():
            if service.required and os.environ.get("REQUIRE_SERVICES") == "1":
                pytest.fail(f"{service.name} is missing: {service.remedy}", pytrace=False)
            pytest.skip(f"{service.name} is missing")


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: Any) -> Generator[None, None, None]:
    """Says at the end what could not be tested, and how to have it."""
    yield
    missing = [service for service in SERVICES.values() if service.asked and service.missing()]
    if missing:
        terminalreporter.section("not tested here, for want of a service")
        for service in missing:
            terminalreporter.line(f"{service.name}: {service.remedy}")
