"""The base of the image: the official one, or a stand-in from Debian's packages if no registry responds."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy.image.commands import ImageError, attempt, run
from deploy.image.engine import ROOT, Engine

STAND_IN: Final = "localhost/latchkey-base"
_LIBRARIES: Final = (
    "ca-certificates,libssl3,libffi8,libsqlite3-0,libbz2-1.0,liblzma5,libreadline8,libncursesw6,libuuid1,libgdbm6,"
    "netbase"
)
_PULL_SECONDS: Final = 120
_PINNED: Final = re.compile(r"^FROM (docker\.io/library/python:3\.\d+[\w.-]*@sha256:[0-9a-f]{64})$", re.MULTILINE)


def pinned_base() -> str:
    """Return the base of a release, `NAME@sha256:DIGEST`. Raise ValueError if .ci/base/Dockerfile has another form."""
    lines = (ROOT / ".ci" / "base" / "Dockerfile").read_text(encoding="utf-8")
    found = _PINNED.findall(lines)
    if len(found) != 1 or lines.count("FROM ") != 1:
        raise ValueError(".ci/base/Dockerfile: needs one line FROM docker.io/library/python:3.N-…@sha256:…")
    return str(found[0])


def declared_base() -> str:
    """Return the default of PYTHON_IMAGE in the Dockerfile. Raise ImageError if it has none."""
    found = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise ImageError("Dockerfile: there is no ARG PYTHON_IMAGE with a default")
    return found.group(1)


def base_image(engine: Engine, wanted: str) -> str:
    """Pull `wanted` and return it, or the name of a stand-in with the same minor version of Python."""
    if attempt([*engine.run, "image", "inspect", wanted]).returncode == 0:
        return wanted
    if attempt([*engine.run, "pull", "--quiet", wanted], timeout_seconds=_PULL_SECONDS).returncode == 0:
        return wanted
    version = re.search(r"python:(\d+\.\d+)", wanted)
    if engine.name == "docker" or not version:
        raise ImageError(f"{wanted} cannot be pulled")
    print(f"{wanted} cannot be pulled: building on a stand-in, for tests only", file=sys.stderr)
    stand_in = f"{STAND_IN}:{version.group(1)}"
    if attempt([*engine.run, "image", "inspect", stand_in]).returncode:
        _make_stand_in(engine, stand_in, version.group(1))
    return stand_in


def _make_stand_in(engine: Engine, name: str, version: str) -> None:
    """Import Debian's base packages and a Python of this machine, laid out as in the official image."""
    prefix = _python_prefix(version)
    clean = (
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
                f"--customize-hook={clean}",
                *("bookworm", archive),
            ]
        )
        path = "ENV=PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        run([*engine.run, "import", "--quiet", "--change", path, "--change", 'CMD=["python3"]', archive, name])


def _python_prefix(version: str) -> str:
    """Return the prefix of a Python of this version that is installed outside of /usr. Raise ImageError."""
    from_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}"))
    for python in filter(None, [shutil.which(f"python{version}"), *map(str, from_pyenv)]):
        done = subprocess.run(  # noqa: S603 - a Python of this machine
            [python, "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=False
        )
        prefix = done.stdout.strip()
        if done.returncode == 0 and prefix not in ("", "/usr"):
            return prefix
    raise ImageError(f"a stand-in needs Python {version} in a prefix of its own: pyenv install {version}")
