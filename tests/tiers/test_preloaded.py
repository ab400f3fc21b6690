"""Commands of tests are forked from a process that has loaded Latchkey, and are what `python manage.py` would be."""

import os
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.server_secrets import SERVER_SECRETS

pytestmark = pytest.mark.storeless("each test names its stores")
ASK = """
import sys
from django.conf import settings
from django.db import connection
from apikeys.credential_fields import CREDENTIAL_HEADERS
from gateway.native.endpoint import LOGGED
print("tests.support.preloaded" in sys.modules, connection.settings_dict["NAME"], connection.vendor, settings.PORT)
print(CREDENTIAL_HEADERS.names, LOGGED == settings.LOG_CHECKS, settings.LOGGING["root"]["level"], end="")
"""


def ask(data_dir: Path, **environment: str) -> str:
    inherited = {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **SERVER_SECRETS}
    return commands.manage(["shell", "--no-imports", "-c", ASK], inherited | environment, check=True).stdout


def test_its_own_settings_apply(tmp_path: Path) -> None:
    head, rest = ask(tmp_path, PORT="8123", LOG_LEVEL="INFO", LOG_FORMAT="console").split("\n")
    assert head == f"True {tmp_path}/latchkey.sqlite3 sqlite 8123"
    assert rest == "('X-API-Key', 'Authorization') True INFO"
    assert ask(tmp_path, DATABASE_URL="postgres://nobody@127.0.0.1:1/none").startswith("True none postgresql")


@pytest.mark.parametrize(
    ("name", "value", "seen"),
    [("CREDENTIAL_HEADERS", "X-Own", "('X-Own',) True INFO"), ("LOG_CHECKS", "all", "True INFO")],
)
def test_setting_that_was_read_while_loading(tmp_path: Path, name: str, value: str, seen: str) -> None:
    """Such a value takes a fresh process."""
    answer = ask(tmp_path, **{name: value})
    assert answer.startswith("False")
    assert seen in answer


def test_invalid_setting_is_refused(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), **SERVER_SECRETS, "PORT": "none"}
    done = commands.manage(["check"], environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("latchkey: PORT: ")
    assert done.stderr.count("\n") == 1
