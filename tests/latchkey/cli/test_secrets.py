"""A secret is where it belongs, and nowhere else."""

import http.client
import re
import stat
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.latchkey.cli.running import Latchkey
from tests.latchkey.cli.terminal import on_terminal

pytestmark = pytest.mark.slow("runs the installed command many times")


def secret_of(credential: str | None) -> str:
    return str(credential).partition(":")[2]


def test_stdout_has_only_the_new_credential(latchkey: Latchkey) -> None:
    ran = latchkey.run("keys", "create", "--label", "piped")
    (line,) = ran.out.splitlines()
    assert latchkey.with_key(line).run("whoami").exit_code == 0
    assert "piped" in ran.err
    assert secret_of(line) not in ran.err
    rotated = latchkey.run("keys", "rotate", line.partition(":")[0])
    assert latchkey.with_key(rotated.out.strip()).run("whoami").exit_code == 0
    assert secret_of(rotated.out.strip()) not in rotated.err


def test_person_sees_both_forms(latchkey: Latchkey) -> None:
    exit_code, shown = on_terminal(latchkey, "keys", "create", "--label", "typed", columns=200)
    (one_token,) = re.findall(r"lk_[0-9a-z]{12}\.lks_[0-9A-Za-z]{49}", shown)
    assert exit_code == 0
    assert one_token.replace(".", ":") in shown.split()
    assert latchkey.with_key(one_token).run("whoami").exit_code == 0


@pytest.mark.parametrize("output", ["table", "json"])
def test_secret_file(latchkey: Latchkey, output: str) -> None:
    ran = latchkey.run("keys", "create", "--label", "filed", "--secret-file", "new", "--format", output)
    file = latchkey.home / "new"
    credential = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_of(credential) not in ran.out + ran.err
    assert (ran.out == "") is (output == "table")
    assert latchkey.with_key(credential).run("whoami").exit_code == 0


def test_existing_secret_file_is_kept(latchkey: Latchkey, key: dict[str, Any]) -> None:
    (latchkey.home / "old").write_text("mine")
    ran = latchkey.run("keys", "create", "--label", "never made", "--secret-file", "old")
    assert (ran.exit_code, ran.out) == (2, "")
    assert "old is not overwritten" in ran.err
    assert (latchkey.home / "old").read_text() == "mine"
    assert latchkey.json("keys", "list", "--q", "never made")["items"] == []
    rejected = latchkey.run("keys", "rotate", "lk_000000000000", "--secret-file", "unused")
    assert rejected.exit_code == 2
    assert not (latchkey.home / "unused").exists()


@pytest.mark.parametrize("target", ["> /dev/full", "| true"])
def test_unwritable_secret_is_reported(latchkey: Latchkey, target: str) -> None:
    command = f"{latchkey.program} keys create --label lost {target}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env=latchkey.environment({}), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "and is lost" in done.stderr
    assert "--at-once" in done.stderr


def test_key_from_standard_input(latchkey: Latchkey, root: str) -> None:
    ran = latchkey.with_key(None).run("--api-key", "-", "whoami", typed=root + "\n")
    assert (ran.exit_code, ran.err) == (0, "")


def test_typed_secret_is_warned_of_once(latchkey: Latchkey, root: str) -> None:
    ran = latchkey.with_key(None).run("--api-key", root, "keys", "list", "--limit", "2")
    assert ran.exit_code == 0
    assert ran.err.count("can see the secret in --api-key") == 1
    assert secret_of(root) not in ran.out + ran.err
    assert latchkey.run("whoami").err == ""


def test_arguments_are_not_repeated(latchkey: Latchkey, root: str) -> None:
    for arguments in (("keys", "show", root), ("verify", "-", root), (root,), ("keys", "list", "--state", root)):
        ran = latchkey.run(*arguments)
        assert (ran.exit_code, secret_of(root) in ran.err) == (2, False)


@pytest.mark.parametrize(
    "arguments", [("whoami",), ("keys", "create", "--label", "x"), ("keys", "show", "lk_000000000000")]
)
def test_verbose_shows_no_secret(latchkey: Latchkey, arguments: tuple[str, ...]) -> None:
    ran = latchkey.run("--verbose", *arguments)
    assert '"event": "call"' in ran.err
    assert "lks_" not in ran.err
    assert ("lks_" in ran.out) is (arguments[1:2] == ("create",))


def test_forced_traceback_shows_no_secret(latchkey: Latchkey, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from latchkey.client.http1.connection import Connection\n"
        "def fail(self, message, *_):\n"
        "    raise RuntimeError(f'sending {message.decode()} and {message}')\n"
        "Connection.exchange = fail\n"
    )
    expected = latchkey.run("--verbose", "whoami", PYTHONPATH=str(tmp_path))
    assert expected.exit_code == 3
    assert "Traceback" in expected.err
    assert "sending" in expected.err
    assert secret_of(latchkey.api_key) not in expected.out + expected.err
    quiet = latchkey.run("whoami", PYTHONPATH=str(tmp_path))
    assert (quiet.exit_code, "Traceback" in quiet.err, "lks_" in quiet.err) == (3, False, False)


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy, and what it logs: the line of each request, and its fields' names."""
    log: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def forward(self) -> None:
            log.extend([self.requestline, *self.headers])
            target = urlsplit(self.path)
            connection = http.client.HTTPConnection(target.netloc, timeout=10)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection.request(self.command, target.path, body, dict(self.headers))
            response = connection.getresponse()
            content = response.read()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_POST = forward  # noqa: N815 - the names that BaseHTTPRequestHandler calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", log
    server.shutdown()
    server.server_close()
    thread.join()


def test_header_names_hold_no_secret(latchkey: Latchkey, proxy: tuple[str, list[str]]) -> None:
    url, log = proxy
    created = latchkey.run("--verbose", "keys", "create", "--label", "by proxy", http_proxy=url)
    assert created.exit_code == 0
    assert log[0].startswith("POST ")
    assert {"x-api-key", "x-request-id", "traceparent"} <= {name.lower() for name in log}
    assert "lks_" not in "\n".join(log) + created.err
    assert created.out.count("lks_") == 1
