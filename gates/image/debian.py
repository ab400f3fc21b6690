"""The gate that no security update of Debian waits for what is in the image."""

import re
import tempfile
from pathlib import Path
from typing import Final

from gates.image.commands import ImageError, attempt, run
from gates.image.shipped import Shipped
from gates.verdict import Verdict, judged, unavailable

STATUS: Final = "var/lib/dpkg/status"
# A library that each image has, and a version of it that Debian has mended since.
DOCTORED: Final = ("libssl3", "3.0.11-1~deb12u2")


def updates(image: Shipped) -> Verdict:
    """Debian has published no security update for what is in the image."""
    status = image.text(STATUS)
    try:
        pending, control = waiting(image, status), waiting(image, doctored(status))
    except ImageError as error:
        return unavailable(str(error).splitlines()[0])
    if not any(line.startswith(f"{DOCTORED[0]} ") for line in control):
        return unavailable(f"an old {DOCTORED[0]} was not named either: no lists of packages")
    return judged(pending, f"none for {status.count(chr(10) + 'Status: ')} packages; an old {DOCTORED[0]} is named")


def doctored(status: str) -> str:
    """The list of packages with an old version of one."""
    name, version = DOCTORED
    pattern = rf"(?ms)^(Package: {name}$.*?^Version: )\S+"
    changed, count = re.subn(pattern, rf"\g<1>{version}", status, count=1)
    if not count:
        raise ImageError(f"{name} is not in the image")
    return changed


def waiting(image: Shipped, status: str) -> list[str]:
    """The packages of `status` with a security update. Raises ImageError where that cannot be known."""
    release = image.text("usr/lib/os-release")
    with tempfile.TemporaryDirectory(prefix="latchkey-dpkg-") as place:
        file = Path(place) / "status"
        file.write_text(status, encoding="utf-8")
        simulate = ["-s", "-o", "Debug::NoLocking=1", "dist-upgrade"]
        if _codename(release) == _codename(_host_release()):
            told = run(["apt-get", "-o", f"Dir::State::status={file}", *simulate])
        else:
            told = _in_container(image, file, " ".join(simulate))
    return [line.removeprefix("Inst ") for line in told.splitlines() if re.match(r"Inst .*[Ss]ecurity", line)]


def _in_container(image: Shipped, status: Path, simulate: str) -> str:
    """The same where this machine has another release: with the image's own apt, as root, in a container for that."""
    script = f"apt-get update -qq && apt-get -o Dir::State::status=/status {simulate}"
    options = ["--rm", "--user", "0:0", "--volume", f"{status}:/status:ro", "--entrypoint", "/bin/sh"]
    return run([*image.engine.run, "run", *options, image.image, "-ec", script])


def _codename(release: str) -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE)
    return found.group(1) if found else ""


def _host_release() -> str:
    told = attempt(["cat", "/etc/os-release"])
    return told.stdout
