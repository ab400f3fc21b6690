"""Gates on the image's files: rights, tools, secrets, and what makes it start fast."""

import re
import stat
import tempfile
from pathlib import Path
from typing import Final

from gates.image.shipped import APP, VENV, Shipped
from gates.secrets import scan_directory
from gates.verdict import Verdict, judged

USER: Final = 10001
WRITABLE: Final = frozenset(("data", "tmp"))
# What the engine puts over these when it runs the image decides, not what lies there.
_MOUNTED: Final = ("dev/", "proc/", "sys/")
_TOOL: Final = re.compile(
    r"(?:^|/)bin/(?:(?:[\w-]+-)?(?:gcc|g\+\+|cc|c\+\+|cpp|clang|ld|as|make|cmake|rustc|cargo|go)(?:-[\d.]+)?"
    r"|pip[\d.]*|easy_install[\w.-]*|uv|poetry|git|curl|wget|nc|ncat|ssh)$"
    r"|/(?:site-packages|dist-packages)/(?:pip|setuptools)/__init__\.py$|/ensurepip/__init__\.py$"
)
_SCANNED: Final = (APP, "etc/", "root/", "home/", "data/", "tmp/", "usr/local/etc/", "var/lib/", f"{VENV}/pyvenv")
_STRAY: Final = re.compile(
    rf"^{APP}/(?:\.|tests/|benchmarks/|gates/|var/|deploy/|pyproject|requirements-dev)"
    r"|(?:^|/)(?:secrets\.env|\.env|pip\.conf|\.netrc|\.pypirc|id_[a-z0-9]+|[\w.-]+\.sqlite3)$"
)


def setuid(image: Shipped) -> Verdict:
    """No program gives whoever runs it another's rights."""
    found = [f"/{it.name}: mode {it.mode & 0o7777:o}" for it in image.files if it.mode & (stat.S_ISUID | stat.S_ISGID)]
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
    """There is no compiler, no installer and nothing that fetches."""
    return judged([f"/{it.name}" for it in image.entries if _TOOL.search(it.name)], "no compiler, no installer")


def secrets(image: Shipped) -> Verdict:
    """No file, variable or label holds a secret, and nothing came along that is not to be shipped."""
    found = [f"/{it.name}: is not to be shipped" for it in image.files if _STRAY.search(it.name)]
    with tempfile.TemporaryDirectory(prefix="latchkey-files-") as place:
        image.extract(_SCANNED, Path(place))
        settings = Path(place) / "configuration"
        labels = image.configuration.get("Labels") or {}
        lines = [*(image.configuration.get("Env") or []), *map(str, labels.items()), *image.steps]
        settings.write_text("\n".join(lines), encoding="utf-8")
        found += scan_directory(Path(place))
    return judged(found, "none in the files, variables, labels and steps")


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
