"""Gates on the image's files: rights, tools, and what makes it start fast."""

import re
import stat
import tarfile
from typing import Final

from gates.image.shipped import APP, VENV, Shipped
from gates.verdict import Verdict, judged

USER: Final = 10001
WRITABLE: Final = frozenset(("data", "tmp"))
# What the engine puts over these when it runs the image decides, not what lies there.
_MOUNTED: Final = ("dev/", "proc/", "sys/")
# Programs, wherever they lie and whatever the machine that they are for.
_TOOL: Final = re.compile(
    r"(?:^|/)(?:(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|cpp|clang|clang\+\+|tcc|ld|ld\.bfd|ld\.gold|as|make|cmake|ninja"
    r"|rustc|cargo|go|gdb|strace)(?:-[\d.]+)?"
    r"|cc1|cc1plus|collect2|lto1|pip[\d.]*|pipx|easy_install[\w.-]*|uvx?|poetry|conda|npm"
    r"|busybox|toybox|git|svn|hg|curl|wget2?|aria2c|lynx|w3m|socat|nc|nc\.[a-z]+|ncat|netcat|telnet|t?ftp|lftp"
    r"|rsync|ssh|sftp|scp|sshd|dropbear|dbclient|nmap|tcpdump)$"
)
_INSTALLER: Final = re.compile(
    r"/(?:site-packages|dist-packages)/(?:pip|setuptools|uv)/__init__\.py$|/ensurepip/__init__\.py$"
)
# What apt fetches with; apt itself stays, as it is asked for updates.
_OF_APT: Final = "usr/lib/apt/methods/"
_CAPABILITY: Final = "SCHILY.xattr.security.capability"


def setuid(image: Shipped) -> Verdict:
    """No program gives whoever runs it rights that they lack: by its mode, or by capabilities of its file."""
    found = [f"/{it.name}: mode {it.mode & 0o7777:o}" for it in image.files if it.mode & (stat.S_ISUID | stat.S_ISGID)]
    found += [f"/{it.name}: has capabilities" for it in image.files if _CAPABILITY in it.pax_headers]
    return judged(found, f"none of {len(image.files)} files")


def writable(image: Shipped) -> Verdict:
    """The user owns and may write what is to be kept and what is temporary, and nothing else."""
    found = [
        f"/{it.name}: {'belongs to the user' if USER in (it.uid, it.gid) else f'mode {it.mode & 0o7777:o}'}"
        for it in image.entries
        if not it.issym()
        and not it.name.startswith(_MOUNTED)
        and it.name.rstrip("/").split("/")[0] not in WRITABLE
        and (USER in (it.uid, it.gid) or it.mode & stat.S_IWOTH)
    ]
    return judged(found, f"/{' and /'.join(sorted(WRITABLE))} alone")


def tools(image: Shipped) -> Verdict:
    """None of the compilers, installers and programs that fetch which it knows by name; apt, dpkg and perl stay."""
    return judged(
        [f"/{it.name}" for it in image.entries if _is_tool(it)],
        "no compiler, no installer, nothing that fetches but apt, perl and Python",
    )


def _is_tool(entry: tarfile.TarInfo) -> bool:
    if entry.isdir() or entry.name.startswith(_OF_APT):
        return False
    runs = entry.issym() or entry.islnk() or bool(entry.mode & 0o111)
    return bool(_INSTALLER.search(entry.name) or (runs and _TOOL.search(entry.name)))


def bytecode(image: Shipped) -> Verdict:
    """Each module is compiled: a root that cannot be written would compile it at each start."""
    names = {it.name for it in image.files}
    found = [
        f"/{name}: has no bytecode"
        for name in sorted(names)
        if name.startswith((APP, VENV)) and name.endswith(".py") and not _compiled(name) & names
    ]
    return judged(found[:20], f"{sum(name.endswith('.pyc') for name in names)} modules")


def _compiled(name: str) -> set[str]:
    directory, _, module = name.rpartition("/")
    return {f"{directory}/__pycache__/{module.removesuffix('.py')}.cpython-3{minor}.pyc" for minor in range(11, 20)}
