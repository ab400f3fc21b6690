"""What no linter knows about the workflows: nothing is released that wasn't checked."""

import re
from typing import Any

import pytest
import yaml

from tests.support.commands import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
TARGETS = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
VARIABLE = r"(?:ARGS|IMAGE|VERSION)=(?:\"[^\"`]*\"|[\w:./-]+)"


def jobs(name: str) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))["jobs"]
    return loaded


def scripts(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job.get("steps", []) if "run" in step]


ALL = [
    pytest.param(job, id=f"{file.name}-{name}") for file in WORKFLOWS.iterdir() for name, job in jobs(file.name).items()
]


@pytest.mark.parametrize("job", ALL)
def test_job_is_bounded_and_can_fail(job: dict[str, Any]) -> None:
    assert "uses" in job or "timeout-minutes" in job
    assert "permissions" in job
    for node in (job, *job.get("steps", [])):
        assert "if" not in node
        assert "continue-on-error" not in node or node.get("run") == "make bench"


@pytest.mark.parametrize("job", jobs("checks.yml").values(), ids=jobs("checks.yml"))
def test_steps_are_make_targets(job: dict[str, Any]) -> None:
    """Everything that CI runs can be run at home."""
    for script in scripts(job):
        match = re.fullmatch(rf"make ([a-z-]+)(?: {VARIABLE})*", script)
        assert match, script
        assert match[1] in TARGETS


@pytest.mark.parametrize(("workflow", "job"), [("checks.yml", "image"), ("release.yml", "build")])
def test_image_is_built_once_and_checked(workflow: str, job: str) -> None:
    steps = scripts(jobs(workflow)[job])
    built = [step for step in steps if re.match(r"make (release-)?image\s", step)]
    assert len(built) == 1
    checked = steps.index(built[0].replace("make release-image", "make image-check"))
    assert checked == steps.index(built[0]) + 1
    assert jobs(workflow)[job]["env"] == {"REQUIRE_SERVICES": "all"}


def test_source_is_checked() -> None:
    assert scripts(jobs("checks.yml")["source"])[-1] == "make checks"
    assert jobs("checks.yml")["source"]["env"] == {"REQUIRE_SERVICES": "all"}


def test_release_waits_for_checks() -> None:
    found = jobs("release.yml")
    assert found["checks"]["uses"].endswith("/.github/workflows/checks.yml")
    assert [found[name].get("needs") for name in ("build", "publish", "release")] == ["checks", "build", "publish"]
    for command in ("release-check", "release-tag"):
        assert any(step.startswith(f"make {command} ") for step in scripts(found["build"]))


def test_jobs_that_may_write_run_no_code_of_ours() -> None:
    for job in jobs("release.yml").values():
        if "write" in job["permissions"].values():
            assert not any("actions/checkout" in step.get("uses", "") for step in job["steps"])
            assert not any(re.search(r"\bmake ", script) for script in scripts(job))
