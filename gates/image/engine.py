"""What builds and runs images here: Docker's engine, or buildah and podman, which need none."""

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from gates.image.commands import ImageError, attempt

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PACKAGES: Final = "buildah podman runc conmon mmdebstrap golang-github-containers-common"


@dataclass(frozen=True, slots=True)
class Engine:
    """The beginnings of the command lines that build, and that do all else with images and containers."""

    name: str
    build: tuple[str, ...]
    run: tuple[str, ...]
    limits: tuple[str, ...] = ()
    remove: tuple[str, ...] = ("rm", "--force")


@cache
def engine() -> Engine:
    """Docker where its engine answers, else buildah and podman. Raises ImageError where neither is there."""
    if shutil.which("docker") and attempt(["docker", "version"], timeout_seconds=20).returncode == 0:
        return Engine("docker", ("docker", "build"), ("docker",))
    if shutil.which("buildah") and shutil.which("podman"):
        return _without_engine()
    raise ImageError(f"image NOT built: neither Docker's engine nor buildah is here. apt-get install {PACKAGES}")


def _without_engine() -> Engine:
    # A short path, as sockets lie below it; one of its own for each checkout.
    digest = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    place = own_directory(
        Path(os.environ.get("IMAGE_STORE") or Path(tempfile.gettempdir()) / f"latchkey-image-{digest}")
    )
    stored = ["--log-level", "fatal", "--storage-driver", "overlay"]
    stored += ["--root", str(place / "store"), "--runroot", str(place / "run")]
    # The OCI format would drop HEALTHCHECK.
    build = ["buildah", *stored, "bud", "--quiet", "--isolation", "chroot", "--layers=false", "--format", "docker"]
    run = ["podman", *stored, "--tmpdir", str(place / "tmp"), "--cgroup-manager", "cgroupfs"]
    run += ["--events-backend", "file", "--runtime", "runc"]
    # Podman would put a tmpfs over /tmp, /run and /var/tmp, which nobody has asked for and Docker's engine does not.
    limits = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--read-only-tmpfs=false")
    return Engine("podman", (*build, "--pull-never"), tuple(run), limits, ("rm", "--force", "--time", "0"))


def own_directory(path: Path) -> Path:
    """A directory that nobody else can look into or write, made where it is missing. Raises ImageError.

    Its name can be guessed, and whoever makes it first in a directory for all would own the images that are judged.
    """
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise ImageError(f"{path} is no directory: remove it, or name another place in IMAGE_STORE")
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ImageError(f"{path} is not this user's alone (mode 0700): remove it, or name another in IMAGE_STORE")
    return path
