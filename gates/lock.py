"""The gate that the locks are in step with pyproject.toml; `python -m gates.lock` compiles them."""

import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gates.python_minimum import minimum
from gates.requirements import Locked, NotLocked, locked_file, logical_lines
from gates.tree import ROOT, NoAnswer, run_tool
from gates.verdict import Gate, Verdict, judged

SERVER: Final = "requirements.txt"
DEVELOPMENT: Final = "requirements-dev.txt"
OPENAPI: Final = "requirements-openapi.txt"
_OPTIONS: Final = ("--quiet", "--universal", "--generate-hashes", "--no-emit-index-url", "--no-header")
_HASH: Final = re.compile(r" \\\n +--hash=\S+")
# What each lock is made of.
_CONTENT: Final = {
    SERVER: ("pyproject.toml", "--extra", "server"),
    DEVELOPMENT: ("pyproject.toml", "--all-extras", "--group", "dev", "--constraint", SERVER),
    OPENAPI: ("--group", "openapi"),
}
_ADDRESS: Final = re.compile(r"://|^(?:-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b| @ ")


class NotCompiled(ValueError):
    """No set of packages satisfies pyproject.toml; the message is that of the resolver."""


def compile_locks(root: Path) -> None:
    """Compiles the locks. What they pin stays, as long as pyproject.toml allows.

    Raises NotCompiled, or NoAnswer where no index answers.
    """
    version = "{}.{}".format(*minimum(root))
    for name, content in _CONTENT.items():
        arguments = (*_OPTIONS, "--python-version", version, *content, "--output-file", name)
        done = run_tool("uv", "pip", "compile", *arguments, exits=(0, 1, 2), cwd=root)
        if done.returncode:
            said = " ".join(done.stderr.split())
            raise NotCompiled(said) if "No solution found" in said else NoAnswer(f"uv: {said}")


def written_wrong(root: Path) -> Iterator[str]:
    """What is wrong with the locks as they stand, found without an index."""
    for name in _CONTENT:
        lines = logical_lines((root / name).read_text(encoding="utf-8"))
        yield from (f"{name}: {fault}: {line.split()[0]}" for line in lines if (fault := _fault(line)))
        try:
            requirements = locked_file(root / name)
        except NotLocked as error:
            yield f"{name}: {error}"
        else:
            yield from (f"{name}: {it.name} {it.version} has no hash" for it in requirements if not it.hashes)
            yield from _unmet(root, name, requirements)


def _fault(line: str) -> str | None:
    """Why a line has no place in a lock: it names an address, or is an option, such as one for another file."""
    if _ADDRESS.search(line):
        return "names an address"
    return "has an option of its own" if line.startswith("-") else None


def _unmet(root: Path, name: str, requirements: list[Locked]) -> Iterator[str]:
    """The dependencies that pyproject.toml names and the lock does not satisfy."""
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    extras, groups = pyproject["project"]["optional-dependencies"], pyproject["dependency-groups"]
    server = [*pyproject["project"]["dependencies"], *extras["server"]]
    wanted = {
        SERVER: server,
        DEVELOPMENT: [*server, *extras["opentelemetry"], *groups["dev"]],
        OPENAPI: groups["openapi"],
    }[name]
    versions: dict[str, list[str]] = {}
    for it in requirements:
        versions.setdefault(it.name, []).append(it.version)
    for requirement in map(Requirement, wanted):
        pinned = versions.get(canonicalize_name(requirement.name), [])
        if not any(requirement.specifier.contains(version, prereleases=True) for version in pinned):
            yield f"{name}: {requirement} is not satisfied: {', '.join(pinned) or 'it is missing'}"


def out_of_step(root: Path) -> list[str]:
    """What another compilation changes, in a copy that is told the versions and not the hashes. Raises NoAnswer."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        shutil.copy(root / "pyproject.toml", copy)
        for name in _CONTENT:
            (copy / name).write_text(_HASH.sub("", (root / name).read_text(encoding="utf-8")), encoding="utf-8")
        try:
            compile_locks(copy)
        except NotCompiled as error:
            return [f"pyproject.toml: {error}"]
        return [change for name in _CONTENT for change in _changes(root / name, copy / name)]


def _changes(old: Path, new: Path) -> Iterator[str]:
    """What another set of requirements has, and hashes that no index knows. A file that came later is no change."""
    before, after = (_hashes(path.read_text(encoding="utf-8")) for path in (old, new))
    yield from (f"{old.name}: has {it}, which is not wanted so" for it in before if it not in after)
    yield from (f"{old.name}: lacks {it} as it is wanted" for it in after if it not in before)
    for it in sorted(before.keys() & after.keys()):
        yield from (f"{old.name}: no index knows {unknown} of {it}" for unknown in sorted(before[it] - after[it]))


def _hashes(text: str) -> dict[str, set[str]]:
    """The hashes of each requirement, whose name here has its version and its markers."""
    lines = (re.split(r"\s+--", line) for line in logical_lines(text))
    return {bare: set(options) for bare, *options in lines}


def findings(root: Path) -> list[str]:
    """What is wrong with the locks. Raises NoAnswer where nothing is wrong by itself and no index answers."""
    return list(written_wrong(root)) or out_of_step(root)


def judge() -> Verdict:
    """Judges this tree."""
    counts = " and ".join(f"{len(locked_file(ROOT / name))} in {name}" for name in _CONTENT)
    return judged(findings(ROOT), f"in step with pyproject.toml: {counts}, each with hashes")


GATE: Final = Gate("lock", "the locks are in step with pyproject.toml, with hashes and without an address", judge)

if __name__ == "__main__":
    try:
        compile_locks(ROOT)
    except (NotCompiled, NoAnswer) as problem:
        sys.exit(f"lock: {problem}")
