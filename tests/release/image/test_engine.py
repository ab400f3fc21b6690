"""How Docker and podman are called, observed with stubs in their place, and where podman keeps images."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.image import engine as engines
from deploy.image.base import pinned_base
from deploy.image.build import BASE_DIGEST, BASE_NAME, base_labels
from deploy.image.commands import ImageError
from deploy.image.engine import ROOT, own_directory
from tests.release.image.container import containers

STUB = """\
#!/bin/sh
echo "$*" >> {log}
case "$1 $2" in
    "image inspect") echo 1 ;;
    "rm "*|"volume rm") echo no such thing >&2; exit 3 ;;
esac
"""
Calls = Callable[[], list[str]]


@pytest.fixture
def docker(tmp_path: Path) -> Calls:
    """Put a stub in the place of Docker; return how it was called."""
    log = tmp_path / "log"
    (tmp_path / "docker").write_text(STUB.format(log=log))
    (tmp_path / "docker").chmod(0o755)
    return lambda: log.read_text().splitlines()


@pytest.mark.skipif(not (ROOT / ".venv" / "installed-dev").exists(), reason="the environment is not make's")
def test_release_image_is_built_on_the_pinned_base(docker: Calls, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["make", "--assume-old=.venv/installed-dev", "release-image", "IMAGE=example.com/one:1"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    (built,) = [call for call in docker() if call.startswith("build ")]
    assert f"--build-arg PYTHON_IMAGE={pinned_base()} " in built
    for name, value in base_labels(pinned_base()).items():
        assert f"--label {name}={value} " in built
    assert "--tag example.com/one:1 " in built


def test_base_by_tag_has_no_digest() -> None:
    assert base_labels("python:3.13") == {BASE_NAME: "python:3.13", BASE_DIGEST: ""}


def test_options_for_docker(
    docker: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with containers(engines.engine.__wrapped__(), "image") as start:
        container = start()
        with pytest.raises(ValueError, match="Expecting value"):  # the stub inspects nothing
            container.stop(7)
    calls = docker()
    assert f"stop -t 7 {container.name}" in calls
    assert f"rm --force {container.name}" in calls
    assert any("--tmpfs /dev/shm:" in call for call in calls)
    assert not any("--time" in call or "--tmpfs /tmp" in call for call in calls)
    assert f"latchkey: {container.name} may have been left behind: " in capsys.readouterr().err


def test_store_belongs_to_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = own_directory(tmp_path / "store")
    assert store.stat().st_mode & 0o777 == 0o700
    assert own_directory(store) == store
    (tmp_path / "link").symlink_to(store)
    monkeypatch.setenv("IMAGE_STORE", str(tmp_path / "link"))
    with pytest.raises(ImageError, match="is no directory"):
        engines.without_docker()
    store.chmod(0o750)
    with pytest.raises(ImageError, match="is not this user's alone"):
        own_directory(store)
    store.chmod(0o700)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ImageError, match="is not this user's alone"):
        own_directory(store)
