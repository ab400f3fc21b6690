"""What is asked of an engine: stubs in the place of Docker's and of podman write down how they are called."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gates.image import engine as engines
from gates.image.build import BASE_DIGEST, BASE_NAME, base_labels
from gates.image.commands import ImageError
from gates.image.container import containers
from gates.image.engine import Engine, own_directory
from gates.pinned_base import pinned_base
from gates.tree import ROOT

STUB = """\
#!/bin/sh
echo "$*" >> {log}
case "$1 $2" in
    "image inspect") echo 1 ;;
    "create "*|"rm "*|"volume rm") echo no such thing >&2; exit {exit} ;;
esac
"""
PINNED = "{0.name}@{0.digest}".format(pinned_base(ROOT))


@pytest.fixture
def stub(tmp_path: Path) -> Callable[[str, int], Path]:
    """Writes a program that takes an engine's place; returns where it writes how it was called."""

    def put(name: str, code: int) -> Path:
        log = tmp_path / "log"
        log.touch()
        (tmp_path / name).write_text(STUB.format(log=log, exit=code))
        (tmp_path / name).chmod(0o755)
        return log

    return put


def make(place: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs make with the programs of `place` first, and what is installed as it is."""
    environment = {**os.environ, "PATH": f"{place}:{os.environ['PATH']}"}
    command = ["make", "--assume-old=.venv/installed-dev", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not (ROOT / ".venv" / "installed-dev").exists(), reason="the environment is not make's")
def test_image_that_is_judged_is_the_one_that_was_built_on_the_pinned_base(
    stub: Callable[[str, int], Path], tmp_path: Path
) -> None:
    log = stub("docker", 1)
    assert make(tmp_path, "release-image", "IMAGE=example.com/one:1").returncode == 0
    (built,) = [line for line in log.read_text().splitlines() if line.startswith("build ")]
    assert f"--build-arg PYTHON_IMAGE={PINNED} " in built
    name, _, digest = PINNED.partition("@")
    assert f"--label {BASE_NAME}={name} --label {BASE_DIGEST}={digest} " in built
    assert "--tag example.com/one:1 " in built
    log.write_text("")
    judged = make(tmp_path, "image-judge", "IMAGE=example.com/one:1", "ARGS=--all-required")
    assert judged.returncode != 0
    calls = log.read_text().splitlines()
    assert "image inspect example.com/one:1" in calls
    assert [call for call in calls if call.startswith(("build", "pull", "tag"))] == []


def test_labels_of_a_base_by_name() -> None:
    assert base_labels("python:3.13") == {BASE_NAME: "python:3.13", BASE_DIGEST: ""}


@pytest.mark.parametrize(("name", "remove"), [("docker", "rm --force"), ("podman", "rm --force --time 0")])
def test_what_cannot_be_removed_is_told(
    stub: Callable[[str, int], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, remove: str
) -> None:
    log = stub(name, 3)
    engine = Engine(name, (), (str(tmp_path / name),), (), tuple(remove.split()))
    with containers(engine) as start:
        container = start("image")
    assert f"{remove} {container.name}" in log.read_text().splitlines()
    assert f"latchkey: {container.name} may have been left behind: " in capsys.readouterr().err


def test_options_that_docker_has_too(
    monkeypatch: pytest.MonkeyPatch, stub: Callable[[str, int], Path], tmp_path: Path
) -> None:
    log = stub("docker", 0)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    engines.engine.cache_clear()
    try:
        with containers(engines.engine()) as start:
            container = start("image")
            with pytest.raises(ValueError, match="Expecting value"):  # the stub inspects nothing
                container.stop(7)
    finally:
        engines.engine.cache_clear()
    calls = log.read_text()
    assert f"stop -t 7 {container.name}" in calls
    assert "--time" not in calls
    assert "--tmpfs /dev/shm:" in calls
    assert "/tmp" not in calls.replace(str(tmp_path), "").replace("--tmpfs /dev", "")


def test_store_of_ones_own(tmp_path: Path) -> None:
    made = own_directory(tmp_path / "store")
    assert made.stat().st_mode & 0o777 == 0o700
    assert own_directory(made) == made


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707])
def test_store_that_others_may_enter(tmp_path: Path, mode: int) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(mode)
    with pytest.raises(ImageError, match="is not this user's alone"):
        own_directory(tmp_path / "store")


def test_store_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_directory(tmp_path / "store")
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ImageError, match="is not this user's alone"):
        own_directory(tmp_path / "store")


def test_store_behind_a_link_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").touch(mode=0o600)
    for name in ("link", "file"):
        with pytest.raises(ImageError, match="is no directory"):
            own_directory(tmp_path / name)
    with pytest.raises(ImageError, match="No such file"):
        own_directory(tmp_path / "nowhere" / "store")


def test_podman_is_given_a_store_that_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setenv("IMAGE_STORE", str(tmp_path / "link"))
    with pytest.raises(ImageError):
        engines._without_engine()
