"""What the workflows have to do, so that nothing is released that was not judged."""

from collections.abc import Iterator
from typing import Any, Final

from gates.workflow_steps import RELEASE, commands

CHECKS: Final = "checks.yml"
REQUIRED: Final = "ARGS=--all-required"
_SOURCE: Final = ["make", "gates", REQUIRED]
_OTHER_BUILDS: Final = ("image", "image-gate")


def unmet(file: str, workflow: dict[Any, Any]) -> Iterator[str]:
    """What the workflow of this name lacks; others are free."""
    jobs: dict[str, dict[str, Any]] = workflow.get("jobs") or {}
    if file not in (CHECKS, RELEASE):
        return
    for name, job in jobs.items():
        for command in _commands(job):
            if command[:1] == ["make"] and "--list" in " ".join(command):
                yield f"job {name}: {' '.join(command)}: lists gates and judges nothing"
    judging = [name for name, job in jobs.items() if _judges_image(job)]
    if not judging:
        yield f"no job runs make release-image, and then make image-judge {REQUIRED} on that very image"
    for name in (name for name, job in jobs.items() if _built_besides(job)):
        yield f"job {name}: builds an image besides that of make release-image"
    if file == CHECKS and not any(_SOURCE in _commands(job) for job in jobs.values()):
        yield f"no step runs {' '.join(_SOURCE)}"
    if file == RELEASE:
        yield from _order(jobs, judging)


def _order(jobs: dict[str, dict[str, Any]], judging: list[str]) -> Iterator[str]:
    """Who has a right to write waits for the job that judges the image, and that one for the checks."""
    checking = [name for name, job in jobs.items() if str(job.get("uses", "")).endswith(f"/workflows/{CHECKS}")]
    for name in judging:
        if not set(checking) & _before(jobs, name):
            yield f"job {name}: does not need the job that runs {CHECKS}"
        for target in ("release-check", "release-tag"):
            if not any(command[:2] == ["make", target] for command in _commands(jobs[name])):
                yield f"job {name}: does not run make {target}"
    for name, job in jobs.items():
        if name not in judging and name not in checking and not set(judging) & _before(jobs, name):
            yield f"job {name}: does not need the job that judges the image"
        if "write" in str(job.get("permissions")) and any("checkout" in str(it.get("uses")) for it in job["steps"]):
            yield f"job {name}: has a right to write, and our code"


def _before(jobs: dict[str, dict[str, Any]], name: str) -> set[str]:
    """The jobs that have to end well before this one begins."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        needs = jobs.get(waiting.pop(), {}).get("needs", [])
        more = ({needs} if isinstance(needs, str) else set(needs)) - found
        found |= more
        waiting += more
    return found


def _commands(job: dict[str, Any]) -> list[list[str]]:
    return [words for step in job.get("steps", []) for words in commands(str(step.get("run", ""))) if words]


def _judges_image(job: dict[str, Any]) -> bool:
    """One image is built by `release-image`, judged whole next, and whatever else is done with it comes later."""
    built = [words[2:] for words in _commands(job) if words[:2] == ["make", "release-image"]]
    named = [words for words in _commands(job) if built and set(built[0]) & set(words)]
    return len(built) == 1 and named[:2] == [["make", "release-image", *built[0]], _judge(built[0])]


def _judge(image: list[str]) -> list[str]:
    return ["make", "image-judge", *image, REQUIRED]


def _built_besides(job: dict[str, Any]) -> bool:
    built = [words for words in _commands(job) if words[:1] == ["make"] and words[1:2] == ["release-image"]]
    others = [words for words in _commands(job) if words[:1] == ["make"] and words[1:2] and words[1] in _OTHER_BUILDS]
    return len(built) > 1 or bool(others)
