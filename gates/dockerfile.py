"""The gate that the Dockerfile has no fault that hadolint or our own rules know."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gates.installers import faults_of_installers
from gates.instructions import Instruction, instructions
from gates.tree import ROOT, last_line, run_tool, with_tool
from gates.verdict import Gate, Verdict, judged

_SECRET: Final = re.compile(r"(?i)(?:^|\s)(\w*(?:secret|password|passwd|token|pepper|api_?key|credential)\w*)")
_USER: Final = re.compile(r"[1-9]\d*(?::[1-9]\d*)?")


def findings(path: Path) -> list[str]:
    """What is wrong with a Dockerfile."""
    if not path.is_file():
        return [f"{path.name}: is missing"]
    own = of_own_rules(instructions(path.read_text(encoding="utf-8")))
    return with_tool([f"{path.name}:{line}: {said}" for line, said in own], lambda: of_hadolint(path))


def of_hadolint(path: Path) -> list[str]:
    """What hadolint finds that is a warning or worse; no pragma in the file silences it."""
    options = ("--no-color", "--disable-ignore-pragma", "--failure-threshold", "warning", "--format", "json")
    done = run_tool("hadolint", *options, path.name, cwd=path.parent)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return [f"hadolint: {last_line(done.stderr)}"]
    return [
        f"{path.name}:{it['line']}: {it['code']} {it['message']}" for it in told if it["level"] in ("warning", "error")
    ]


def of_own_rules(found: list[Instruction]) -> Iterator[tuple[int, str]]:
    """What hadolint does not ask for."""
    for it in found:
        if it.name == "ADD":
            yield it.line, "ADD fetches and unpacks: use COPY"
        if it.name in ("ARG", "ENV") and (secret := _SECRET.search(it.value)):
            yield it.line, f"{it.name} {secret.group(1)}: a secret in an image can be read by all who have it"
    yield from faults_of_installers(found)
    yield from _bases(found)
    yield from _last_stage(found)


def _bases(found: list[Instruction]) -> Iterator[tuple[int, str]]:
    """Each base is named by an ARG before the first FROM, or is an earlier stage."""
    stages: set[str] = set()
    for it in found:
        if it.name == "FROM":
            words = [word for word in it.value.split() if not word.startswith("--")]
            if words[0] not in stages and not re.fullmatch(r"\$(?:\w+|\{\w+\})", words[0]):
                yield it.line, f"FROM {words[0]}: name the base by an ARG"
            if len(words) == 3:
                stages.add(words[2])


def _last_stage(found: list[Instruction]) -> Iterator[tuple[int, str]]:
    """What the image runs as: a numeric user who is not root, a health check and a stop signal."""
    begins = max((index for index, it in enumerate(found) if it.name == "FROM"), default=0)
    stage = {it.name: it for it in found[begins:]}
    last = found[-1].line if found else 1
    user = stage.get("USER")
    if user is None:
        yield last, "no USER: the image runs as root"
    elif not _USER.fullmatch(user.value):
        yield user.line, f"USER {user.value}: name a user by number, and not root"
    for name in ("HEALTHCHECK", "STOPSIGNAL"):
        if name not in stage or stage[name].value.upper() == "NONE":
            yield last, f"no {name}"


def judge() -> Verdict:
    """Judges this tree."""
    return judged(findings(ROOT / "Dockerfile"), "hadolint and our own rules find nothing")


GATE: Final = Gate("dockerfile", "the Dockerfile has no fault that hadolint or our own rules know", judge)
