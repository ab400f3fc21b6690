"""Starts behind PgBouncer with `pool_mode=transaction`, also while a node is running."""

import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.support.ports import free_port
from tests.support.postgresql import drop_database, new_database
from tests.support.server import RunningServer, issue
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.needs("postgresql"),
    pytest.mark.needs("pgbouncer"),
    pytest.mark.slow("runs several servers"),
]
STARTS = 4


@contextmanager
def bouncer(url: str, directory: Path) -> Iterator[str]:
    """PgBouncer in front of a database; the URL by which it is reached through it."""
    parts, port = urlsplit(url), free_port()
    name, user = parts.path[1:], parts.username or "postgres"
    login = f"user={user}" + (f" password={parts.password}" if parts.password else "")
    (directory / "pgbouncer.ini").write_text(
        f"[databases]\n{name} = host={parts.hostname} port={parts.port or 5432} dbname={name} {login}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = transaction\n"
        f"default_pool_size = 4\nlogfile = {directory}/log\npidfile = {directory}/pid\nunix_socket_dir =\n"
    )
    (directory / "pgbouncer.ini").chmod(0o644)
    directory.chmod(0o777)  # it refuses to run as root, and writes its log there
    user_of_process = {"user": "nobody"} if os.geteuid() == 0 else {}
    program = shutil.which("pgbouncer")
    assert program
    process = subprocess.Popen([program, "-q", directory / "pgbouncer.ini"], **user_of_process)  # type: ignore[call-overload]
    through = parts._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
    try:
        wait_until(lambda: _answers(through), "PgBouncer")
        yield through
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2, options="").close()  # it refuses those of PGOPTIONS
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    url = new_database()
    # Readable by the account that PgBouncer runs as, which pytest's own directories are not.
    directory = Path("/tmp") / f"latchkey-pgbouncer-{os.getpid()}"
    directory.mkdir()
    try:
        with bouncer(url, directory) as through:
            yield through
    finally:
        shutil.rmtree(directory)
        drop_database(url)


def test_first_start_behind_pgbouncer(database: str, tmp_path: Path) -> None:
    server = RunningServer(tmp_path, workers=1, settings={"DATABASE_URL": database})
    assert "First key" in server.manage("first_start").stdout
    server.start()
    root = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")["credential"]
    over, answers = threading.Event(), Counter[int]()

    def call() -> None:
        with httpx.Client(headers={"X-API-Key": root}, timeout=30) as client:
            while not over.is_set():
                answers[client.get(f"{server.url}/v1/keys").status_code] += 1
                over.wait(0.01)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(STARTS):
            again = server.manage("first_start", check=False)
            assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    finally:
        over.set()
        for thread in threads:
            thread.join()
        assert server.stop() == 0
    assert set(answers) == {200}
