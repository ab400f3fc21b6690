"""The gate over the forge's workflows: pinned actions, least rights, make targets alone, and what two linters say."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from gates.tree import ROOT, NoAnswer, run_tool
from gates.verdict import Gate, Verdict, judged, unavailable
from gates.workflow_demands import unmet
from gates.workflow_steps import faults_of_settings, faults_of_steps

_PINNED: Final = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")
_USES: Final = re.compile(r"^\s*(?:-\s+)?uses:\s*(?P<what>[^\s#]+)(?P<comment>\s+#.*)?$")
_VERSION: Final = re.compile(r"# v\d+\.\d+\.\d+$")
_IMAGE: Final = re.compile(r"@sha256:[0-9a-f]{64}$")
_TARGET: Final = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_DID_NOT_AUDIT: Final = frozenset({1, 2, 3})
_TELLS: Final = frozenset({0, 11, 12, 13, 14})  # of zizmor; from 11 on it tells of findings


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
    yield from faults_of_settings(workflow)
    yield from unmet(path.name, workflow)
    for name, job in workflow.get("jobs", {}).items():
        if "permissions" not in job:
            yield f"job {name}: has no permissions of its own"
        if "uses" not in job and "timeout-minutes" not in job:
            yield f"job {name}: has no timeout"
        for service, about in job.get("services", {}).items():
            if not _IMAGE.search(about.get("image", "")):
                yield f"job {name}: the image of {service} is not pinned by a digest"
        yield from (f"job {name}: {fault}" for fault in faults_of_steps(path.name, name, job, targets))


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


def _zizmor(root: Path) -> list[str]:
    """At its most demanding, and deaf to comments that would silence it. Offline, so that a run says the same twice."""
    strict = ("--no-config", "--no-ignores", "--persona=auditor", "--strict-collection", "--collect=all")
    options = ["--offline", *strict, "--quiet", "--no-progress", "--format=json-v1"]
    ran = run_tool("zizmor", *options, ".github", exits=_TELLS | _DID_NOT_AUDIT, cwd=root)
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
    ran = run_tool(
        "actionlint", "-no-color", "-oneline", "-shellcheck=", "-pyflakes=", *_workflows(root), exits=range(4), cwd=root
    )
    if ran.returncode > 1:
        return [f"actionlint: {' '.join(ran.stderr.split())}"]
    return [f"{_of_tree(line, root)} (actionlint)" for line in ran.stdout.splitlines()]


def _of_tree(line: str, root: Path) -> str:
    return line.removeprefix(f"{root}/")


def _workflows(root: Path) -> list[Path]:
    return sorted((root / ".github" / "workflows").glob("*.y*ml"))
