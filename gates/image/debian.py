"""The gate that no security update of Debian waits for what is in the image."""

import re
import tempfile
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from gates.image.commands import ImageError, attempt, run
from gates.image.shipped import Shipped
from gates.verdict import Verdict, judged, unavailable

STATUS: Final = "var/lib/dpkg/status"
# A library that each image has, and a version of it that Debian has mended since.
DOCTORED: Final = ("libssl3", "3.0.11-1~deb12u2")
# Debian signs its list of security updates anew at least each week, and it is no more believed after that.
OLDEST: Final = timedelta(days=7)
_DATES: Final = "{ cat /var/lib/apt/lists/*security*InRelease /dev/null | grep '^Date: ' || true; }"


def updates(image: Shipped) -> Verdict:
    """Debian has published no security update for what is in the image."""
    status = image.text(STATUS)
    try:
        (pending, dated), (control, _) = waiting(image, status), waiting(image, doctored(status))
    except ImageError as error:
        return unavailable(str(error).splitlines()[0])
    if not any(line.startswith(f"{DOCTORED[0]} ") for line in control):
        return unavailable(f"an old {DOCTORED[0]} was not named either: no lists of packages")
    if dated is None or datetime.now(UTC) - dated > OLDEST:
        return unavailable(f"the lists of security updates are of {dated or 'no date'}: apt-get update")
    return judged(pending, f"none for {status.count(chr(10) + 'Status: ')} packages; an old {DOCTORED[0]} is named")


def doctored(status: str) -> str:
    """The list of packages with an old version of one."""
    name, version = DOCTORED
    pattern = rf"(?ms)^(Package: {name}$.*?^Version: )\S+"
    changed, count = re.subn(pattern, rf"\g<1>{version}", status, count=1)
    if not count:
        raise ImageError(f"{name} is not in the image")
    return changed


def waiting(image: Shipped, status: str) -> tuple[list[str], datetime | None]:
    """The packages of `status` with a security update, and when Debian last said which there are. Raises ImageError."""
    release = image.text("usr/lib/os-release")
    with tempfile.TemporaryDirectory(prefix="latchkey-dpkg-") as place:
        file = Path(place) / "status"
        file.write_text(status, encoding="utf-8")
        simulate = ["-s", "-o", "Debug::NoLocking=1", "dist-upgrade"]
        if _codename(release) == _codename(_host_release()):
            told = run(["apt-get", "-o", f"Dir::State::status={file}", *simulate])
            told += run(["/bin/sh", "-c", _DATES])
        else:
            told = _in_container(image, file, " ".join(simulate))
    pending = [line.removeprefix("Inst ") for line in told.splitlines() if re.match(r"Inst .*[Ss]ecurity", line)]
    return pending, newest(told)


def newest(told: str) -> datetime | None:
    """The newest date among the lines `Date: …`; None where there is none."""
    dates = re.findall(r"^Date: (.+) UTC$", told, re.MULTILINE)
    return max((parsedate_to_datetime(f"{date} +0000") for date in dates), default=None)


def _in_container(image: Shipped, status: Path, simulate: str) -> str:
    """The same where this machine has another release: with the image's own apt, as root, in a container for that."""
    script = f"apt-get update -qq && apt-get -o Dir::State::status=/status {simulate} && {_DATES}"
    options = ["--rm", "--user", "0:0", "--volume", f"{status}:/status:ro", "--entrypoint", "/bin/sh"]
    return run([*image.engine.run, "run", *options, image.image, "-ec", script])


def _codename(release: str) -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE)
    return found.group(1) if found else ""


def _host_release() -> str:
    told = attempt(["cat", "/etc/os-release"])
    return told.stdout
