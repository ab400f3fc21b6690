"""A pytest plugin that sets the environment before Django reads its settings, and names the other plugins."""

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile
from functools import cache

import httpx
import pytest
from hypothesis import settings

from tests.support.postgresql import new_name, url_of
from tests.support.stores import EMBEDDED, chosen

pytest_plugins = ("tests.support.selection", "tests.support.summary", "tests.support.pace")

# Loading and collecting make no garbage, and a third of their time is looking for some. `selection` turns it on again.
gc.disable()

# How long an example takes is no property of the code; the machine may be busy.
settings.register_profile("latchkey", deadline=None)
settings.load_profile("latchkey")

# Each client makes a context for TLS of its own, and so reads the certificates of every authority: some 40 ms of a core.
pytest.MonkeyPatch().setattr("httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context))

# jsonschema would make grammars of formats that no schema here names: seconds in each process.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

# A shell that starts the tests in the background has SIGINT ignored in them, and in every command that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

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
    "LOG_CHECKS",
    "RECORD_CALLERS",
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
    # Of the name that stands here, Django makes that of the database for tests.
    "DATABASE_URL": f"sqlite:///{_directory}/test.sqlite3" if chosen() == EMBEDDED else url_of(new_name()),
    "DEFAULT_RATE_LIMIT": '{"burst": 60, "per_seconds": 60}',
    "AUTH_FAILURE_LIMIT": '{"burst": 20, "per_seconds": 60}',
    "PUBLIC_URL": "https://keys.example.test",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "LOG_FORMAT": "json",
    "PGOPTIONS": "-c synchronous_commit=off",  # no test pulls the plug
}
