"""Debian's packages in the image, and the security updates that they lack."""

import re
import tempfile
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from deploy.image.commands import ImageError, run
from tests.release.image.image import Image
from tests.support.services import unavailable

STATUS = "var/lib/dpkg/status"
_OLD_LIBSSL = "3.0.11-1~deb12u2"
_DATES = "{ cat /var/lib/apt/lists/*security*InRelease /dev/null | grep '^Date: ' || true; }"


def packages(status: str) -> dict[str, str]:
    """Return the version of each installed package."""
    paragraphs = [
        dict(re.findall(r"^(Package|Version|Status): (.+)$", it, re.MULTILINE)) for it in status.split("\n\n")
    ]
    return {it["Package"]: it["Version"] for it in paragraphs if it.get("Status", "").endswith(" installed")}


def with_old_libssl(status: str) -> str:
    """Return dpkg's status with a version of libssl3 that Debian has fixed since."""
    changed, count = re.subn(r"(?ms)^(Package: libssl3$.*?^Version: )\S+", rf"\g<1>{_OLD_LIBSSL}", status, count=1)
    assert count
    return changed


def is_old(dated: datetime | None) -> bool:
    """Return whether a list of updates is outdated: Debian signs a new one at least every week."""
    return dated is None or datetime.now(UTC) - dated > timedelta(days=7)


def pending_updates(image: Image, status: str) -> tuple[list[str], datetime | None]:
    """Return which packages lack a security update, and when Debian last signed its list. Skip if apt fails."""
    with tempfile.TemporaryDirectory(prefix="latchkey-dpkg-") as place:
        file = Path(place) / "status"
        file.write_text(status, encoding="utf-8")
        try:
            output = _simulated_upgrade(image, file)
        except ImageError as error:
            unavailable(str(error).splitlines()[0])
    pending = [line.removeprefix("Inst ") for line in output.splitlines() if re.match(r"Inst .*[Ss]ecurity", line)]
    return pending, newest(output)


def newest(output: str) -> datetime | None:
    """Return the newest of the lines `Date: …`, or None."""
    dates = re.findall(r"^Date: (.+) UTC$", output, re.MULTILINE)
    return max((parsedate_to_datetime(f"{date} +0000") for date in dates), default=None)


def _simulated_upgrade(image: Image, status: Path) -> str:
    simulate = "-s -o Debug::NoLocking=1 dist-upgrade"
    if _codename(image.text("usr/lib/os-release")) == _codename(Path("/etc/os-release").read_text(encoding="utf-8")):
        return run(["apt-get", "-o", f"Dir::State::status={status}", *simulate.split()]) + run(["sh", "-c", _DATES])
    # This machine has another release: use the image's own apt, as root, in a container for that.
    script = f"apt-get update -qq && apt-get -o Dir::State::status=/status {simulate} && {_DATES}"
    options = ["--rm", "--user", "0:0", "--volume", f"{status}:/status:ro", "--entrypoint", "/bin/sh"]
    return run([*image.engine.run, "run", *options, image.name, "-ec", script])


def _codename(release: str) -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE)
    return found[1] if found else ""
