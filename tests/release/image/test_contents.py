"""The files of the image: rights, tools, bytecode, size, packages, and Debian's security updates."""

import json
import re
import stat
import tarfile
from collections.abc import Callable, Iterable

import pytest
from packaging.utils import canonicalize_name

from deploy.image.engine import ROOT
from deploy.sbom import image_bill
from tests.release.image import debian
from tests.release.image.image import APP, VENV, Image
from tests.release.locked import locked
from tests.support.services import unavailable

pytestmark = pytest.mark.slow("builds and runs container images")
of_image = pytest.mark.needs("images")

USER = 10001
MOST_MEGABYTES = 450
# Programs, in whatever directory and for whatever machine. apt, dpkg, perl and Python stay: they belong to the base.
TOOL = re.compile(
    r"(?:^|/)(?:(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|cpp|clang|clang\+\+|tcc|ld|ld\.bfd|ld\.gold|as|make|cmake|ninja"
    r"|rustc|cargo|go|gdb|strace)(?:-[\d.]+)?"
    r"|cc1|cc1plus|collect2|lto1|pip[\d.]*|pipx|easy_install[\w.-]*|uvx?|poetry|conda|npm"
    r"|busybox|toybox|git|svn|hg|curl|wget2?|aria2c|lynx|w3m|socat|nc|nc\.[a-z]+|ncat|netcat|telnet|t?ftp|lftp"
    r"|rsync|ssh|sftp|scp|sshd|dropbear|dbclient|nmap|tcpdump)$"
)
INSTALLER = re.compile(r"/(?:site-packages|dist-packages)/(?:pip|setuptools|uv)/__init__\.py$|/ensurepip/__init__\.py$")
INSTALLED = re.compile(rf"^{VENV}lib/python3\.\d+/site-packages/([^/]+)-([^/-]+)\.dist-info/METADATA$")


def gives_rights(entry: tarfile.TarInfo) -> bool:
    """Return whether a program runs with more rights than its user, by its mode or by file capabilities."""
    return entry.isfile() and (
        bool(entry.mode & (stat.S_ISUID | stat.S_ISGID)) or "SCHILY.xattr.security.capability" in entry.pax_headers
    )


def writable(entry: tarfile.TarInfo) -> bool:
    """Return whether the user owns or can write something that isn't data."""
    top = entry.name.split("/")[0]
    # Engines mount something over dev, proc and sys.
    if entry.issym() or top in ("data", "tmp", "dev", "proc", "sys"):
        return False
    return USER in (entry.uid, entry.gid) or bool(entry.mode & stat.S_IWOTH)


def is_tool(entry: tarfile.TarInfo) -> bool:
    """Return whether something compiles, installs or downloads."""
    if entry.isdir() or entry.name.startswith("usr/lib/apt/methods/"):
        return False
    runs = entry.issym() or entry.islnk() or bool(entry.mode & 0o111)
    return bool(INSTALLER.search(entry.name) or (runs and TOOL.search(entry.name)))


def without_bytecode(names: Iterable[str]) -> list[str]:
    """Return the modules that Python would compile at each start, because the root file system is read-only."""
    held = set(names)
    return [
        name
        for name in held
        if name.startswith((APP, VENV))
        and name.endswith(".py")
        and not any(
            f"{directory}/__pycache__/{module[:-3]}.cpython-3{minor}.pyc" in held
            for directory, _, module in [name.rpartition("/")]
            for minor in range(11, 20)
        )
    ]


@of_image
@pytest.mark.parametrize("bad", [gives_rights, writable, is_tool])
def test_files(image: Image, bad: Callable[[tarfile.TarInfo], bool]) -> None:
    assert [f"/{entry.name}: {entry.mode:o}" for entry in image.entries if bad(entry)] == []


@of_image
def test_bytecode(image: Image) -> None:
    assert without_bytecode(entry.name for entry in image.files) == []


@of_image
def test_size(image: Image) -> None:
    assert sum(entry.size for entry in image.files) <= MOST_MEGABYTES * 1e6


@of_image
def test_packages_and_bill(image: Image) -> None:
    """Installed is what is locked. The bill of materials adds Debian's packages."""
    matches = filter(None, (INSTALLED.match(entry.name) for entry in image.files))
    python: dict[str, str] = {canonicalize_name(match[1]): match[2] for match in matches}
    versions = {it.name: it.version for it in locked(ROOT / "requirements.txt")}
    assert {name: versions.get(name) for name in python} == python
    assert {"django", "gunicorn", "lmdb"} <= python.keys()
    bill = json.loads(image_bill(python, debian.packages(image.text(debian.STATUS))).read_text(encoding="utf-8"))
    assert {f"pkg:pypi/{name}@{version}" for name, version in python.items()} < {
        it["purl"] for it in bill["components"]
    }


@of_image
def test_security_updates(image: Image) -> None:
    """Debian has published none that the image lacks. As a control, an old libssl3 has to be found."""
    status = image.text(debian.STATUS)
    pending, dated = debian.pending_updates(image, status)
    control, _ = debian.pending_updates(image, debian.with_old_libssl(status))
    if not any(line.startswith("libssl3 ") for line in control):
        unavailable("an old libssl3 was not found either: there are no lists of packages")
    if debian.is_old(dated):
        unavailable(f"Debian's lists of security updates are of {dated or 'no date'}: apt-get update")
    assert pending == []


def entry(name: str, mode: int = 0o644, kind: bytes = tarfile.REGTYPE, uid: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.mode, found.type, found.uid = mode, kind, uid
    return found


def test_faults_of_files_are_found() -> None:
    able = entry("usr/bin/able", 0o755)
    able.pax_headers = {"SCHILY.xattr.security.capability": "x"}
    assert gives_rights(able)
    assert gives_rights(entry("usr/bin/gain", 0o4755))
    assert not gives_rights(entry("usr/bin/true", 0o755))
    assert writable(entry("srv/open", 0o757, tarfile.DIRTYPE))
    assert writable(entry("srv/own", uid=USER))
    assert not writable(entry("data", 0o700, tarfile.DIRTYPE, USER))
    for name in ("srv/busybox", "usr/bin/x86_64-linux-gnu-gcc-12", "usr/libexec/gcc/12/cc1"):
        assert is_tool(entry(name, 0o755)), name
    assert is_tool(entry("srv/wget", kind=tarfile.SYMTYPE))
    assert is_tool(entry("usr/lib/python3/dist-packages/pip/__init__.py"))
    assert not is_tool(entry("srv/no/git"))
    assert without_bytecode([f"{APP}a.py", f"{APP}b.py", f"{APP}__pycache__/b.cpython-313.pyc"]) == [f"{APP}a.py"]
