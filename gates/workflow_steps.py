"""Rules on what the steps of a workflow run, and on what decides how they run."""

import re
import shlex
from collections.abc import Iterator
from typing import Any, Final

# What a step may run besides `make`, and in which job of which workflow: what CI runs can be run at home, but a release
# is made on the forge alone.
RELEASE: Final = "release.yml"
COMMANDS: Final = {
    ("docker", "save"): ("build",),  # hands the image to the job that pushes it
    ("docker", "login"): ("publish",),
    ("docker", "load"): ("publish",),
    ("docker", "push"): ("publish",),
    ("docker", "image"): ("publish",),  # tells the digest of what was pushed
    ("cosign", "sign"): ("publish",),
    ("gh", "release"): ("release",),
    ("printf",): ("publish", "release"),  # hands a token to `docker login`, and writes the digest into the notes
}
# Where a script may write: a line in another file of the runner is a variable or a path of every later step.
WRITTEN: Final = frozenset({"notes.md", "$GITHUB_OUTPUT"})
VARIABLES: Final = frozenset({"IMAGE", "VERSION", "ARGS", "PYTHON", "VENV", "JOBS"})
# Others may be code to a shell, to make, to Python or to a tool: BASH_ENV, MAKEFLAGS, PYTHONPATH, DOCKER_HOST.
ENVIRONMENT: Final = frozenset({"REQUIRE_SERVICES", "TEST_STORES", "IMAGE", "TOKEN", "DIGEST", "GH_TOKEN", "GH_REPO"})
# A step whose failure changes nothing.
REPORT: Final = ("bench", "make bench")

_ASSIGNED: Final = re.compile(r"([A-Za-z_]\w*)=[^;&|<>()`\\!*?]*")


def faults_of_settings(workflow: dict[Any, Any]) -> Iterator[str]:
    """What would change every step of a workflow."""
    yield from _faults_of_environment(workflow)
    if "run" in (workflow.get("defaults") or {}):
        yield "defaults on top decide how steps run"


def faults_of_steps(file: str, name: str, job: dict[str, Any], targets: frozenset[str]) -> Iterator[str]:
    """What is wrong with the steps of a job, and with what it says of them."""
    yield from _faults_of_environment(job)
    yield from _without_effect(name, job)
    if "run" in (job.get("defaults") or {}):
        yield "defaults decide how steps run"
    writes = "write" in job["permissions"].values() if isinstance(job.get("permissions"), dict) else False
    for step in job.get("steps", []):
        yield from _faults_of_environment(step)
        yield from _without_effect(name, step)
        if step.get("shell", "bash") not in ("bash", "sh"):
            yield f"shell: {step['shell']}; a step is run by bash or sh"
        script = str(step.get("run", ""))
        yield from _faults_of_script(script)
        for command in commands(script):
            yield from _faults_of_command(command, targets, (file, name))
            if writes and command[:1] == ["make"]:
                yield f"{' '.join(command)}: a job with a right to write runs none of our code"


def commands(script: str) -> Iterator[list[str]]:
    """The simple commands of a script, each with its words; a redirection is a command of its own."""
    for line in filter(None, map(str.strip, script.replace("\\\n", " ").splitlines())):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = ""  # bash sees no comment in `a#b`
        words: list[str] = []
        for word in _words(lexer, line):
            if not word or set(word) - set("();<>|&"):
                words.append(word)
            else:
                yield words
                words = [word] if set(word) & set("<>") else []
        yield words


def _words(lexer: shlex.shlex, line: str) -> list[str]:
    """The words of a line; the whole of it is one where a quote is not closed on it."""
    try:
        return list(lexer)
    except ValueError:
        return [line]


def _faults_of_environment(node: dict[Any, Any]) -> Iterator[str]:
    given = node.get("env") or {}
    for name in given if isinstance(given, dict) else [given]:
        if name not in ENVIRONMENT:
            yield f"env {name}: is not among {', '.join(sorted(ENVIRONMENT))}"


def _without_effect(job: str, node: dict[Any, Any]) -> Iterator[str]:
    """A step that is left out, or that may fail, judges nothing."""
    if "if" in node:
        yield f"if: {node['if']}; what may be left out judges nothing"
    if "continue-on-error" in node and (job, node.get("run")) != REPORT:
        yield "continue-on-error: what may fail judges nothing"


def _faults_of_script(script: str) -> Iterator[str]:
    if "${{" in script:
        yield "an expression in a script becomes code; hand it over in env"
    if "$(" in script or "`" in script:
        yield "a script hides a command in a substitution"


def _faults_of_command(words: list[str], targets: frozenset[str], where: tuple[str, str]) -> Iterator[str]:
    file, job = where
    told = " ".join(words)
    if words and set(words[0]) <= set("<>&|"):
        if file != RELEASE or words[0] not in (">", ">>") or words[1:] not in [[name] for name in WRITTEN]:
            yield f"{told}: a script writes and reads no files"
    elif words[:1] == ["make"]:
        if len(words) < 2 or words[1] not in targets:
            yield f"{told}: the Makefile has no such target"
        for word in words[2:]:
            match = _ASSIGNED.fullmatch(word)
            if match is None or match[1] not in VARIABLES:
                yield f"{told}: {word} is no value of {', '.join(sorted(VARIABLES))}"
    elif file != RELEASE or job not in COMMANDS.get(tuple(words[:1]), COMMANDS.get(tuple(words[:2]), ())):
        yield f"{told}: a step runs make targets alone"
