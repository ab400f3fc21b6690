"""The gate that the shipped code passes ruff's security rules, and each exception says why."""

import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gates.tree import ROOT, last_line, python_files, run_tool, with_tool
from gates.verdict import Gate, Verdict, judged

NOT_SHIPPED: Final = frozenset(("tests", "benchmarks"))
_NOQA: Final = re.compile(r"#\s*(?:ruff\s*:\s*|flake8\s*:\s*)?noqa\b(?P<codes>:[\sA-Z0-9,]*)?", re.IGNORECASE)
# Ruff's newer comments, for a line, a range or a file; they name a rule by its code or by words.
_OTHER: Final = re.compile(r"#\s*ruff\s*:\s*(?P<what>file-ignore|ignore|disable)\b", re.IGNORECASE)
_SECURITY: Final = re.compile(r"\bS\d+|\bS\b")
_REASON: Final = re.compile(r" - \S")


def shipped(root: Path) -> list[Path]:
    """The modules that are not only for tests and benchmarks."""
    return [path for path in python_files(root) if path.relative_to(root).parts[0] not in NOT_SHIPPED]


def of_ruff(root: Path) -> list[str]:
    """What ruff's rules of the group S find. No setting of the project weakens them."""
    done = run_tool("ruff", "check", "--isolated", "--select", "S", "--output-format", "json", *shipped(root), cwd=root)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return [f"ruff: {last_line(done.stderr)}"]
    return [
        f"{Path(it['filename']).relative_to(root)}:{it['location']['row']}: {it['code']} {it['message']}"
        for it in found
    ]


def without_reason(path: Path) -> Iterator[str]:
    """The exceptions in a file that name no reason behind ` - `, or are for every rule."""
    with tokenize.open(path) as file:
        comments = [it for it in tokenize.generate_tokens(file.readline) if it.type == tokenize.COMMENT]
    for comment in comments:
        for said in _unreasoned(comment.string):
            yield f"{comment.start[0]}: {said}"


def _unreasoned(comment: str) -> Iterator[str]:
    for exception in _NOQA.finditer(comment):
        codes = (exception["codes"] or "").strip(": ")
        if not codes:
            yield "noqa is for every rule: name those that are meant"
        elif _SECURITY.search(codes) and not _REASON.search(comment[exception.start() :]):
            yield f"noqa: {codes} has no reason behind ' - '"
    for other in _OTHER.finditer(comment):
        if not _REASON.search(comment[other.start() :]):
            yield f"ruff: {other['what']} has no reason behind ' - '"


def findings(root: Path) -> list[str]:
    """What ruff finds, and exceptions without a reason."""
    root = root.resolve()
    bare = [f"{path.relative_to(root)}:{said}" for path in shipped(root) for said in without_reason(path)]
    return with_tool(bare, lambda: of_ruff(root))


def judge() -> Verdict:
    """Judges this tree."""
    return judged(findings(ROOT), f"{len(shipped(ROOT))} shipped modules pass; each exception has a reason")


GATE: Final = Gate("security_lint", "the shipped code passes ruff's security rules", judge)
