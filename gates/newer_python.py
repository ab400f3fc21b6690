"""The gate that nothing in the tree is newer than the oldest Python that is promised."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gates.python_minimum import minimum
from gates.tree import ROOT, last_line, python_files, run_tool, with_tool
from gates.verdict import Gate, Verdict, judged

# FILE:LINE:COLUMN:PYTHON 2:PYTHON 3:WHAT, as `--format parsable` writes it; the last line has no file and no line.
_LINE: Final = re.compile(r"(?P<path>[^:]+):(?P<line>\d+):\d*:[^:]*:(?P<version>[^:]*):(?P<what>.+)")


def findings(root: Path) -> list[str]:
    """Syntax and calls that are newer than the minimum."""
    least = minimum(root)
    return with_tool(uncompiled(root, least), lambda: newer(root, least))


def uncompiled(root: Path, least: tuple[int, int]) -> list[str]:
    """What does not compile as the minimum's syntax. Where this Python is the minimum, that is the last word.

    A newer one knows of what came since only the larger part, such as type parameters.
    """
    found = []
    for path in python_files(root):
        try:
            compile(ast.parse(path.read_bytes(), feature_version=least), path, "exec", dont_inherit=True)
        except SyntaxError as error:
            found.append(f"{path.relative_to(root)}:{error.lineno}: {error.msg}")
    return found


def newer(root: Path, least: tuple[int, int]) -> list[str]:
    """What vermin finds. Its exit says nothing: a file that it cannot parse, it takes for one without a demand."""
    target = f"--target={least[0]}.{least[1]}-"
    options = (target, "--violations", "--no-tips", "--eval-annotations", "--no-parse-comments", "--no-config-file")
    done = run_tool("vermin", *options, "--format", "parsable", *python_files(root), cwd=root)
    if not done.stdout.strip():
        return [f"vermin: {last_line(done.stderr)}"]
    return list(_read(done.stdout, root))


def _read(text: str, root: Path) -> Iterator[str]:
    for match in map(_LINE.fullmatch, text.splitlines()):
        # "!3" is its guess that something is of Python 2 alone, as a string's `decode` is; this is not asked here.
        if match is not None and match["version"] != "!3":
            where = f"{Path(match['path']).relative_to(root)}:{match['line']}"
            needs = "" if match["what"].startswith("error:") else f" needs Python {match['version']}"
            yield f"{where}: {match['what']}{needs}"


def judge() -> Verdict:
    """Judges this tree."""
    ran = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    how = "compiled by it" if sys.version_info[:2] == minimum(ROOT) else f"judged on {ran}, which is not the minimum"
    return judged(findings(ROOT), f"{len(python_files(ROOT))} modules need no newer Python than the minimum; {how}")


GATE: Final = Gate("newer_python", "nothing needs a newer Python than requires-python promises", judge)
