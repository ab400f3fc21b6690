"""The gate that the version stands once, and the changelog's topmost section is about it."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Final

from gates.tree import ROOT
from gates.verdict import Gate, Verdict, judged

SOURCE: Final = "latchkey/__init__.py"
# As semver.org writes it.
_SEMVER: Final = re.compile(
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_SECTION: Final = re.compile(r"^## \[?([^\]\s]+)", re.MULTILINE)


def declared(root: Path) -> str | None:
    """The text that `latchkey.__version__` is set to, read and not run; None where it is set to anything else."""
    for node in ast.parse((root / SOURCE).read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__version__")], value=ast.Constant(value=str(text))):
                return text
    return None


def findings(root: Path) -> list[str]:
    """What is wrong with the version."""
    text = declared(root)
    if text is None:
        return [f"{SOURCE}: does not set __version__ to a plain text"]
    found = [] if _SEMVER.fullmatch(text) else [f"{SOURCE}: {text} is no version of Semantic Versioning"]
    return [*found, *of_pyproject(root), *of_changelog((root / "CHANGELOG.md").read_text(encoding="utf-8"), text)]


def of_pyproject(root: Path) -> list[str]:
    """The package's version is read from the source, and has no text of its own."""
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project, setuptools = pyproject["project"], pyproject["tool"]["setuptools"]
    found = [f"pyproject.toml: has a version of its own, {project['version']}"] if "version" in project else []
    read_from = setuptools.get("dynamic", {}).get("version")
    if "version" not in project.get("dynamic", []) or read_from != {"attr": "latchkey.__version__"}:
        found.append("pyproject.toml: does not read the version from latchkey.__version__")
    return found


def of_changelog(text: str, version: str) -> list[str]:
    """The topmost section names the version."""
    topmost = _SECTION.search(text)
    if topmost is None:
        return ["CHANGELOG.md: has no section"]
    named = topmost.group(1)
    return [] if named == version else [f"CHANGELOG.md: its topmost section is about {named}, and not {version}"]


def judge() -> Verdict:
    """Judges this tree."""
    return judged(findings(ROOT), f"{declared(ROOT)} stands once, and tops the changelog")


GATE: Final = Gate("version", "the version stands once, is SemVer, and tops the changelog", judge)
