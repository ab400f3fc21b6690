"""What builds and runs images on this machine: Docker's engine, or buildah and podman, which need no engine."""

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from deploy.image.commands import ImageError, attempt

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PACKAGES: Final = "buildah podman runc conmon mmdebstrap golang-github-containers-common"


@dataclass(frozen=True, slots=True)
class Engine:
    """The beginnings of command lines: `build` builds an image, `run` does everything else."""

    name: str
    build: tuple[str, ...]
    run: tuple[str, ...]
    limits: tuple[str, ...] = ()
    remove: tuple[str, ...] = ("rm", "--force")


@cache
def engine() -> Engine:
    """Return Docker if its engine responds, else buildah and podman. Raise ImageError if both are missing."""
    if shutil.which("docker") and attempt(["docker", "version"], timeout_seconds=20).returncode == 0:
        return Engine("docker", ("docker", "build"), ("docker",))
    if shutil.which("buildah") and shutil.which("podman"):
        return without_docker()
    raise ImageError(f"image NOT built: neither Docker's engine nor buildah is here. apt-get install {PACKAGES}")


def without_docker() -> Engine:
    """Return buildah and podman, with a store for this checkout alone. Raise ImageError if the store isn't safe."""
    # A short path, because sockets are created below it.
    digest = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    store = own_directory(
        Path(os.environ.get("IMAGE_STORE") or Path(tempfile.gettempdir()) / f"latchkey-image-{digest}")
    )
    common = ["--log-level", "fatal", "--storage-driver", "overlay"]
    common += ["--root", str(store / "store"), "--runroot", str(store / "run")]
    # The OCI format would drop HEALTHCHECK.
    build = ["buildah", *common, "bud", "--quiet", "--isolation", "chroot", "--layers=false", "--format", "docker"]
    run = ["podman", *common, "--tmpdir", str(store / "tmp"), "--cgroup-manager", "cgroupfs"]
    run += ["--events-backend", "file", "--runtime", "runc"]
    # By default podman mounts a tmpfs over /tmp, /run and /var/tmp, and Docker doesn't.
    limits = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--read-only-tmpfs=false")
    return Engine("podman", (*build, "--pull-never"), tuple(run), limits, ("rm", "--force", "--time", "0"))


def own_directory(path: Path) -> Path:
    """Return a directory that only this user can read and write; create it if it is missing. Raise ImageError.

    Its name can be guessed: another user who creates it first in a shared directory would own the images in it.
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
