"""The socket's file: its mode and group, and what may be replaced or removed."""

import fcntl
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from httpserver import unix_socket
from httpserver.listening_socket import drop_new_handshakes


@pytest.fixture
def path() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="socket-", dir="/tmp") as directory:
        yield f"{directory}/s"


def listen(path: str, mode: int = 0o600, group_id: int | None = None) -> socket.socket:
    return unix_socket.listen(path, mode=mode, group_id=group_id, backlog=5)


def reason(path: str) -> str:
    with pytest.raises(OSError) as caught:
        unix_socket.require_free(path)
    with pytest.raises(OSError):
        listen(path)
    return str(caught.value.strerror)


def connects(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_mode_is_exact(path: str, mode: int, umask: int) -> None:
    before = os.umask(umask)
    try:
        with listen(path, mode):
            assert stat.S_IMODE(Path(path).stat().st_mode) == mode
            assert os.umask(umask) == umask, "it stays as it was"
            assert connects(path)
    finally:
        os.umask(before)


def test_group(path: str) -> None:
    with listen(path, 0o660, os.getgid()):
        assert Path(path).stat().st_gid == os.getgid()


def test_group_of_which_the_account_is_no_member(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(unix_socket.NotFree, match="not a member of the group 12 of SOCKET_GROUP"):
        listen(path, 0o660, 12)
    assert not Path(path).exists()


def test_leftover_of_an_ended_server_is_replaced(path: str) -> None:
    listen(path).close()
    assert Path(path).exists()
    with listen(path):
        assert connects(path)


def test_living_server_is_left_alone(path: str) -> None:
    with listen(path):
        assert reason(path) == "a server listens there"
        assert connects(path)


def test_server_with_a_full_queue_lives(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as busy, closing(socket.socket(socket.AF_UNIX)) as waiting:
        busy.bind(path)
        busy.listen(0)
        waiting.connect(path)
        assert reason(path) == "a server listens there"


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_anything_else_is_left_alone(path: str, kind: str) -> None:
    with listen(path + "2"):
        if kind == "file":
            Path(path).write_text("mine")
        elif kind == "directory":
            Path(path).mkdir()
        else:
            Path(path).symlink_to(path + "2")
        assert reason(path) == "it is a file, not a socket"
        assert Path(path).exists()


def test_paths_that_cannot_work(path: str) -> None:
    assert reason("/tmp/" + "a" * 103) == "the path is longer than 107 bytes"
    assert reason("/tmp/" + "é" * 52) == "the path is longer than 107 bytes"
    assert reason(f"{path}/missing") == f"{path} is not a directory"
    with listen("/tmp/" + "a" * 102):
        unix_socket.remove("/tmp/" + "a" * 102)


def test_lock_of_another_process_ends_the_wait(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unix_socket, "_LOCK_SECONDS", 0.1)
    directory = os.open(Path(path).parent, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    with pytest.raises(unix_socket.NotFree, match="another process has locked"):
        listen(path)
    os.close(directory)
    with listen(path):
        assert connects(path)


def test_only_own_file_is_removed(path: str) -> None:
    with listen(path):
        Path(path).unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            unix_socket.remove(path)
            assert Path(path).exists()
            unix_socket.remove(f"{path}2")
            unix_socket.remove("")


def test_queued_connection_is_kept_and_new_ones_are_refused(path: str) -> None:
    with listen(path) as listening, socket.socket(socket.AF_UNIX) as queued:
        queued.connect(path)
        queued.sendall(b"hello")
        drop_new_handshakes(listening)
        assert not connects(path)
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.recv(10) == b"hello"
