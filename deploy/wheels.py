"""`python -m deploy.wheels [DIRECTORY]`: builds the wheels `latchkey` and `latchkey-server` into dist/."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from string import Template
from typing import Any, Final

from latchkey import __version__

ROOT: Final = Path(__file__).resolve().parent.parent
DIST: Final = ROOT / "dist"
_LAUNCHER: Final = Path("deploy/wheel/latchkey_server")
# The files for proxies, systemd, Kubernetes and so on, without the programs that need a clone.
_CONFIGURATIONS: Final = ("deploy", ":(exclude)deploy/*.py", ":(exclude)deploy/docs")
_PROJECT: Final = Template("""\
[build-system]
requires = $build_requires
build-backend = "setuptools.build_meta"

[project]
name = "latchkey-server"
version = "$version"
description = "Latchkey, the self-hosted control plane for API keys: the server and its commands."
readme = "README.md"
license = "MIT"
license-files = ["LICENSE"]
requires-python = "$python"
dependencies = $dependencies
optional-dependencies.opentelemetry = $opentelemetry
scripts.latchkey-server = "latchkey_server:serve"
scripts.latchkey-manage = "latchkey_server:manage"

[tool.setuptools]
packages = ["latchkey_server"]
include-package-data = false
package-data.latchkey_server = ["tree/**/*"]
""")


def build(directory: Path = DIST) -> list[Path]:
    """Build both wheels into `directory`, in place of those in it, and return them. Raise CalledProcessError."""
    for old in directory.glob("latchkey*.whl"):
        old.unlink()
    # From a copy, because a build leaves files next to the source, and takes such files from an earlier version along.
    with tempfile.TemporaryDirectory(prefix="latchkey-wheels-") as place:
        client, server = Path(place) / "client", Path(place) / "server"
        _stage_client(client)
        _stage_server(server)
        for source in (client, server):
            command = [str(Path(sys.executable).with_name("uv")), "build", "--quiet", "--wheel", str(source)]
            subprocess.run([*command, "--out-dir", str(directory)], check=True)  # noqa: S603 - our own command
    return sorted(directory.glob("latchkey*.whl"))


def tree_files() -> list[str]:
    """Return the files and directories that a running server needs: the ones that .dockerignore lets into the image."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    return [name for name in kept if name not in ("requirements.txt", "LICENSE")]


def pins() -> list[str]:
    """Return the packages of requirements.txt as dependencies, at the versions that Latchkey was tested with."""
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return re.findall(r"^([\w.\[\],-]+==.*?) *\\$", lock, flags=re.MULTILINE)


def _stage_client(place: Path) -> None:
    _copy(["latchkey", "pyproject.toml", "README.md", "LICENSE"], place)


def _stage_server(place: Path) -> None:
    _copy(["README.md", "LICENSE"], place)
    shutil.copytree(ROOT / _LAUNCHER, place / _LAUNCHER.name, ignore=shutil.ignore_patterns("__pycache__"))
    _copy([*tree_files(), *_CONFIGURATIONS], place / _LAUNCHER.name / "tree")
    (place / "pyproject.toml").write_text(_project(), encoding="utf-8")


def _copy(names: list[str], place: Path) -> None:
    """Copy files and directories to the same paths below `place`, without what git ignores, such as secrets."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *names]
    listed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - our own
    for name in filter(None, listed.split("\0")):
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)


def _project() -> str:
    declared: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = declared["project"]
    # A list of strings is the same in JSON and in TOML.
    return _PROJECT.substitute(
        version=__version__,
        python=project["requires-python"],
        build_requires=json.dumps(declared["build-system"]["requires"]),
        dependencies=json.dumps(pins()),
        opentelemetry=json.dumps(project["optional-dependencies"]["opentelemetry"]),
    )


def main() -> int:
    """Build the wheels and print where they are. Return the exit status."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DIST
    try:
        built = build(directory)
    except subprocess.CalledProcessError as error:
        print("latchkey: the wheels were NOT built: see the error above.", file=sys.stderr)
        return error.returncode
    for wheel in built:
        print(wheel.relative_to(ROOT) if wheel.is_relative_to(ROOT) else wheel)
    return 0


if __name__ == "__main__":
    sys.exit(main())
