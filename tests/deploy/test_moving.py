"""From SQLite to PostgreSQL by the commands of docs/how-to/scale-to-several-nodes.md: all rows arrive, keys work."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from latchkey import headers
from tests.support.commands import MANAGE, ROOT
from tests.support.postgresql import drop_database, new_database
from tests.support.server import RunningServer, issue

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow("runs several servers")]

PAGE = (ROOT / "docs" / "how-to" / "scale-to-several-nodes.md").read_text()
COUNTS = """
from django.db import connection
with connection.cursor() as cursor:
    for table in sorted(connection.introspection.table_names(cursor)):
        if "_trigrams" in table:
            continue  # SQLite's index of the searchable texts
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        print(table, cursor.fetchone()[0])
from django.contrib.auth.models import User
print([(user.username, user.password, [group.name for group in user.groups.all()]) for user in User.objects.all()])
"""


@pytest.fixture
def new_url() -> Iterator[str]:
    url = new_database()
    yield url
    drop_database(url)


def test_every_row_arrives_and_keys_work(tmp_path: Path, new_url: str) -> None:
    buckets = {"BUCKET_STORE_URL": f"lmdb://{tmp_path}/buckets"}
    old = RunningServer(tmp_path, workers=1, settings={"DATABASE_URL": f"sqlite:///{tmp_path}/db", **buckets})
    old.manage("first_start", "--file", str(tmp_path / "first-start.txt"))
    issued = issue(old, "--label", 'Größe, naïveté & <co> "quoted"', "--scope", "keys:write")
    ended = issue(old, "--label", "ended")
    old.manage("revoke_key", ended["key_id"], "--yes")
    rotated = issue(old, "--label", "rotated")
    old.manage("rotate_key", rotated["key_id"])

    (script,) = re.findall(r"^(manage\.py dumpdata .*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "manage.py").write_text(f'#!/bin/sh\nexec {sys.executable} {MANAGE} "$@"\n')
    (tmp_path / "manage.py").chmod(0o700)
    environment = {**old.environment, "PATH": f"{tmp_path}:{os.environ['PATH']}", "NEW": new_url}
    moved = subprocess.run(
        ["sh", "-eu", "-c", script], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert moved.returncode == 0, moved.stderr
    assert "The event log is intact" in moved.stdout
    assert not (tmp_path / "moving.xml").exists()

    new = RunningServer(tmp_path, workers=1, settings={"DATABASE_URL": new_url, **buckets})
    counts = [server.manage("shell", "-v0", "-c", COUNTS).stdout for server in (old, new)]
    assert counts[0] == counts[1]
    new.start()
    try:
        key = {headers.API_KEY: issued["credential"]}
        assert httpx.get(f"{new.url}/v1/whoami", headers=key).json()["label"] == issued["label"]
        assert httpx.post(f"{new.url}/v1/keys", headers=key, json={"label": "after"}).status_code == 201
        assert httpx.get(f"{new.url}/v1/whoami", headers={headers.API_KEY: ended["credential"]}).status_code == 401
        assert httpx.get(f"{new.url}/v1/whoami", headers={headers.API_KEY: rotated["credential"]}).status_code == 200
    finally:
        new.stop()
