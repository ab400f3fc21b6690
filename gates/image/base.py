"""The base of the image: the official one, or where no registry answers, a stand-in from Debian's packages."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from gates.image.commands import ImageError, attempt, run
from gates.image.engine import ROOT, Engine

STAND_IN: Final = "localhost/latchkey-base"
_LIBRARIES: Final = (
    "ca-certificates,libssl3,libffi8,libsqlite3-0,libbz2-1.0,liblzma5,libreadline8,libncursesw6,libuuid1,libgdbm6,"
    "netbase"
)
_PULL_SECONDS: Final = 120


def declared_base(dockerfile: str) -> str:
    """The default of PYTHON_IMAGE in a Dockerfile. Raises ImageError without one."""
    found = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    if not found:
        raise ImageError("Dockerfile: there is no ARG PYTHON_IMAGE with a default")
    return found.group(1)


def base_image(engine: Engine, wanted: str) -> str:
    """`wanted`, pulled; where that cannot be, a stand-in with Python of the same minor version."""
    if attempt([*engine.run, "image", "inspect", wanted]).returncode == 0:
        return wanted
    if attempt([*engine.run, "pull", "--quiet", wanted], timeout_seconds=_PULL_SECONDS).returncode == 0:
        return wanted
    version = re.search(r"python:(\d+\.\d+)", wanted)
    if engine.name == "docker" or not version:
        raise ImageError(f"{wanted} cannot be pulled")
    print(f"{wanted} cannot be pulled: building on a stand-in, which is fit for tests alone", file=sys.stderr)
    stand_in = f"{STAND_IN}:{version.group(1)}"
    if attempt([*engine.run, "image", "inspect", stand_in]).returncode:
        _make_stand_in(engine, stand_in, version.group(1))
    return stand_in


def _make_stand_in(engine: Engine, name: str, version: str) -> None:
    """Debian's base packages and a Python of this machine, as the official image has them."""
    prefix = _python_prefix(version)
    tidy = (
        f'rm -rf "$1"/usr/local/lib/python{version}/test "$1"/usr/local/lib/python{version}/config-* '
        '"$1"/usr/local/lib/*.a "$1"/usr/local/include "$1"/usr/local/share; chroot "$1" ldconfig; '
        'find "$1"/usr/local -name __pycache__ -prune -exec rm -rf {} +; '
        ':>"$1"/etc/apt/sources.list; rm -f "$1"/etc/apt/sources.list.d/* "$1"/etc/resolv.conf'
    )
    with tempfile.TemporaryDirectory(prefix="latchkey-base-") as place:
        archive = str(Path(place) / "base.tar")
        run(
            [
                *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_LIBRARIES}"),
                f"--customize-hook=sync-in {prefix} /usr/local",
                f"--customize-hook={tidy}",
                *("bookworm", archive),
            ]
        )
        path = "ENV=PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        run([*engine.run, "import", "--quiet", "--change", path, "--change", 'CMD=["python3"]', archive, name])


def _python_prefix(version: str) -> str:
    """Where a Python of `version` is installed by itself, with its library."""
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}"))
    for python in filter(None, [shutil.which(f"python{version}"), *map(str, of_pyenv)]):
        done = subprocess.run(  # noqa: S603 - a Python of this machine
            [python, "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=False
        )
        prefix = done.stdout.strip()
        if done.returncode == 0 and prefix not in ("", "/usr"):
            return prefix
    raise ImageError(f"a stand-in needs Python {version} in a prefix of its own: pyenv install {version}")


def dockerfile() -> str:
    """The text of the project's Dockerfile."""
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")
