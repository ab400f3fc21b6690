"""The gate over the forge's workflows: pinned actions, least rights, make targets alone, and what two linters say."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from gates.tree import ROOT, NoAnswer, run_tool
from gates.verdict import Gate, Verdict, judged, unavailable

# What a step may run besides `make`: what CI runs can be run at home, but a release is made on the forge alone.
COMMANDS: Final = {
    "docker": "hands the image from job to job and pushes it",
    "cosign": "signs the image with the identity of the workflow",
    "gh": "makes the release",
    "printf": "hands a token to `docker login`, and writes the digest into the notes",
}
ONLY_IN: Final = "release.yml"

_PINNED: Final = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")
_USES: Final = re.compile(r"^\s*(?:-\s+)?uses:\s*(?P<what>[^\s#]+)(?P<comment>\s+#.*)?$")
_VERSION: Final = re.compile(r"# v\d+\.\d+\.\d+$")
_IMAGE: Final = re.compile(r"@sha256:[0-9a-f]{64}$")
_TARGET: Final = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_BETWEEN_COMMANDS: Final = frozenset({"|", "||", "&&", "&", ";", "|&"})
_DID_NOT_AUDIT: Final = frozenset({1, 2, 3})  # from 11 on it tells of findings


def judge(root: Path = ROOT) -> Verdict:
    """By the rules here, then by zizmor and actionlint."""
    files = _workflows(root)
    if not files:
        return judged([".github/workflows has none"])
    targets = frozenset(_TARGET.findall((root / "Makefile").read_text(encoding="utf-8")))
    findings = [f"{path.relative_to(root)}: {fault}" for path in files for fault in _faults(path, targets)]
    missing = []
    for ask in (_zizmor, _actionlint):
        try:
            findings += ask(root)
        except NoAnswer as no_answer:
            missing.append(str(no_answer))
    if missing and not findings:
        return unavailable("; ".join(missing))
    return judged(findings, f"{len(files)} workflows, judged by rules of our own, zizmor and actionlint")


GATE: Final = Gate("workflows", "actions are pinned, rights are the least, and steps run make targets alone", judge)


def _faults(path: Path, targets: frozenset[str]) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    try:
        workflow = yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield f"is no YAML: {' '.join(str(error).split())}"
        return
    yield from _unpinned(text)
    if not isinstance(workflow, dict):
        yield "is no workflow"
        return
    yield from _rights(workflow)
    for name, job in workflow.get("jobs", {}).items():
        if "permissions" not in job:
            yield f"job {name}: has no permissions of its own"
        if "uses" not in job and "timeout-minutes" not in job:
            yield f"job {name}: has no timeout"
        for service, about in job.get("services", {}).items():
            if not _IMAGE.search(about.get("image", "")):
                yield f"job {name}: the image of {service} is not pinned by a digest"
        for step in job.get("steps", []):
            for fault in _faults_of_script(str(step.get("run", "")), targets, released=path.name == ONLY_IN):
                yield f"job {name}: {fault}"


def _unpinned(text: str) -> Iterator[str]:
    """Read from the lines and not from the YAML, as the comment is what tells a reader which version it is."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _USES.match(line)
        if found is None or found["what"].startswith("$/"):  # of this very commit
            continue
        if not _PINNED.match(found["what"]):
            yield f"line {number}: {found['what']} is not pinned by a whole commit"
        elif not _VERSION.search(found["comment"] or ""):
            yield f"line {number}: {found['what']} has no comment that names its version"


def _rights(workflow: dict[Any, Any]) -> Iterator[str]:
    granted = workflow.get("permissions", "what the repository's default is")
    if isinstance(granted, str):
        if granted != "read-all":
            yield f"permissions on top: {granted}"
    else:
        for scope, right in (granted or {}).items():
            if right not in ("read", "none"):
                yield f"permissions on top: {scope}: {right}; give it to the job that needs it"
    triggers = workflow.get("on", workflow.get(True))  # YAML 1.1 takes a bare `on` for true
    if "pull_request_target" in (triggers if isinstance(triggers, (list, dict)) else [triggers]):
        yield "pull_request_target runs a stranger's change with the rights of this repository"


def _faults_of_script(script: str, targets: frozenset[str], *, released: bool) -> Iterator[str]:
    if "${{" in script:
        yield "an expression in a script becomes code; hand it over in env"
    if "$(" in script or "`" in script:
        yield "a script hides a command in a substitution"
    for line in filter(None, map(str.strip, script.replace("\\\n", " ").splitlines())):
        for command in _commands(line):
            yield from _faults_of_command(command, targets, released=released)


def _commands(line: str) -> Iterator[list[str]]:
    """The simple commands of a line, each with its words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in _BETWEEN_COMMANDS:
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _faults_of_command(words: list[str], targets: frozenset[str], *, released: bool) -> Iterator[str]:
    program = words[0] if words else ""
    if program == "make":
        if len(words) < 2 or words[1] not in targets:
            yield f"{' '.join(words)}: the Makefile has no such target"
    elif program not in COMMANDS or not released:
        yield f"{' '.join(words)}: a step runs make targets alone"


def _zizmor(root: Path) -> list[str]:
    """At its most demanding, and deaf to comments that would silence it. Offline, so that a run says the same twice."""
    strict = ("--no-config", "--no-ignores", "--persona=auditor", "--strict-collection", "--collect=all")
    ran = run_tool("zizmor", "--offline", *strict, "--quiet", "--no-progress", "--format=json-v1", ".github", cwd=root)
    if ran.returncode in _DID_NOT_AUDIT:
        return [f"zizmor: {' '.join(ran.stderr.split())}"]
    return [_told_by_zizmor(finding) for finding in json.loads(ran.stdout)]


def _told_by_zizmor(finding: dict[str, Any]) -> str:
    place = next(one for one in finding["locations"] if one["symbolic"]["kind"] == "Primary")
    path = place["symbolic"]["key"]["Local"]["verbatim_path"]
    line = place["concrete"]["location"]["start_point"]["row"] + 1
    return f"{path}:{line}: {finding['desc']} (zizmor {finding['ident']})"


def _actionlint(root: Path) -> list[str]:
    """Without the linters of scripts, which a machine may or may not have."""
    ran = run_tool("actionlint", "-no-color", "-oneline", "-shellcheck=", "-pyflakes=", *_workflows(root), cwd=root)
    if ran.returncode > 1:
        return [f"actionlint: {' '.join(ran.stderr.split())}"]
    return [f"{_of_tree(line, root)} (actionlint)" for line in ran.stdout.splitlines()]


def _of_tree(line: str, root: Path) -> str:
    return line.removeprefix(f"{root}/")


def _workflows(root: Path) -> list[Path]:
    return sorted((root / ".github" / "workflows").glob("*.y*ml"))
