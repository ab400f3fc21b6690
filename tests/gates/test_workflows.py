"""The workflows of this tree pass, and each planted fault is found."""

import shutil
from pathlib import Path

import pytest

from gates import workflows
from gates.tree import NoAnswer
from gates.verdict import Outcome
from tests.gates.workflow_faults import CHECKS, RELEASE, plant, tree

__all__ = ["tree"]

PINNED = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"


def test_this_tree() -> None:
    verdict = workflows.GATE.judge()
    assert verdict.findings == ()
    assert verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("action", "fault"),
    [
        ("actions/checkout@v7 # v7.0.1", "actions/checkout@v7 is not pinned by a whole commit"),
        ("actions/checkout@3d3c42e # v7.0.1", "is not pinned by a whole commit"),
        ("docker://alpine:3", "docker://alpine:3 is not pinned by a whole commit"),
        ("./.github/actions/own", "is not pinned by a whole commit"),
        (PINNED.partition(" ")[0], "has no comment that names its version"),
        (PINNED.replace("v7.0.1", "newest"), "has no comment that names its version"),
    ],
)
def test_action_that_is_not_pinned(tree: Path, action: str, fault: str) -> None:
    assert any(fault in found for found in plant(tree, CHECKS, PINNED, action))


def test_linters_find_what_is_not_pinned_too(tree: Path) -> None:
    found = plant(tree, CHECKS, PINNED, "actions/checkout@v7")
    assert any("unpinned-uses" in line for line in found)


@pytest.mark.parametrize(
    ("granted", "fault"),
    [
        ("permissions: write-all", "permissions on top: write-all"),
        ("permissions:\n  contents: write", "permissions on top: contents: write; give it to the job that needs it"),
        ("", "permissions on top: what the repository's default is"),
    ],
)
def test_rights_on_top(tree: Path, granted: str, fault: str) -> None:
    assert f"{CHECKS}: {fault}" in plant(tree, CHECKS, "permissions: {}", granted)


def test_reading_on_top_is_no_fault(tree: Path) -> None:
    path = tree / CHECKS
    path.write_text(path.read_text(encoding="utf-8").replace("permissions: {}", "permissions:\n  contents: read"))
    assert not any("on top" in found for found in workflows.judge(tree).findings)


def test_job_without_rights_of_its_own(tree: Path) -> None:
    found = plant(tree, CHECKS, "    permissions:\n      contents: read\n    steps:", "    steps:")
    assert f"{CHECKS}: job lint: has no permissions of its own" in found


def test_job_without_timeout(tree: Path) -> None:
    assert f"{CHECKS}: job lint: has no timeout" in plant(tree, CHECKS, "    timeout-minutes: 15\n", "")


def test_service_by_tag(tree: Path) -> None:
    digest = "@sha256:742f40ea20b9ff2ff31db5458d127452988a2164df9e17441e191f3b72252193"
    found = plant(tree, CHECKS, digest, ":17-alpine")
    assert f"{CHECKS}: job test: the image of postgresql is not pinned by a digest" in found


@pytest.mark.parametrize("trigger", ["  pull_request_target:\n", "  pull_request_target: {branches: [main]}\n"])
def test_change_of_a_stranger_with_our_rights(tree: Path, trigger: str) -> None:
    found = plant(tree, CHECKS, "  pull_request:\n", trigger)
    assert any(line.startswith(f"{CHECKS}: pull_request_target") for line in found)
    assert any("dangerous-triggers" in line for line in found)


def test_injection(tree: Path) -> None:
    found = plant(tree, CHECKS, "run: make lint", "run: make lint ARGS='${{ github.event.issue.title }}'")
    assert f"{CHECKS}: job lint: an expression in a script becomes code; hand it over in env" in found
    assert any("template-injection" in line for line in found)
    assert any("potentially untrusted" in line and "actionlint" in line for line in found)


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("python -m pytest", "python -m pytest"),
        ("make lint && curl example.com", "curl example.com"),
        ("make lint; ./configure", "./configure"),
        ("make lint|tee log", "tee log"),
        ("MAKE=1 make lint", "MAKE=1 make lint"),
        ("docker ps", "docker ps"),
        ("make lint ;& id", "id"),
        ("make lint ARGS=a#b; id", "id"),
        ("(make lint)", "make lint"),
    ],
)
def test_other_command(tree: Path, script: str, command: str) -> None:
    found = plant(tree, CHECKS, "run: make lint", f"run: {script}")
    assert [line for line in found if line.startswith(f"{CHECKS}: job lint: ")], found
    if not script.startswith("("):
        assert f"{CHECKS}: job lint: {command}: a step runs make targets alone" in found


def test_other_command_in_a_block(tree: Path) -> None:
    found = plant(
        tree, CHECKS, "run: make lint", "run: |\n          make lint\n          npm install \\\n            --global x"
    )
    assert f"{CHECKS}: job lint: npm install --global x: a step runs make targets alone" in found


def test_command_of_a_release_only(tree: Path) -> None:
    found = plant(tree, RELEASE, "run: docker save", "run: podman save")
    assert any("podman save" in line for line in found)


@pytest.mark.parametrize("script", ["make lint ARGS=$(id)", "make lint ARGS=`id`"])
def test_hidden_command(tree: Path, script: str) -> None:
    found = plant(tree, CHECKS, "run: make lint", f"run: {script}")
    assert f"{CHECKS}: job lint: a script hides a command in a substitution" in found


def test_target_that_is_not_there(tree: Path) -> None:
    found = plant(tree, CHECKS, "run: make lint", "run: make lintt")
    assert f"{CHECKS}: job lint: make lintt: the Makefile has no such target" in found


def test_credentials_that_persist(tree: Path) -> None:
    assert any("artipacked" in line for line in plant(tree, CHECKS, "persist-credentials: false", "fetch-depth: 1"))


def test_comment_silences_nothing(tree: Path) -> None:
    found = plant(tree, CHECKS, PINNED, "actions/checkout@v7 # zizmor: ignore[unpinned-uses]")
    assert any("unpinned-uses" in line for line in found)


def test_name_that_no_job_has(tree: Path) -> None:
    found = plant(tree, RELEASE, "needs.publish.outputs.digest", "needs.publish.outputs.digets")
    assert any('"digets"' in line and "actionlint" in line for line in found)


def test_what_cannot_be_read(tree: Path) -> None:
    found = plant(tree, CHECKS, "jobs:", "jobs: [")
    assert any(line.startswith(f"{CHECKS}: is no YAML: ") for line in found)
    assert any(line.startswith("zizmor: ") for line in found)


def test_update_without_cooldown(tree: Path) -> None:
    found = plant(tree, ".github/dependabot.yml", "    cooldown:\n      default-days: 7\n", "")
    assert any("dependabot-cooldown" in line for line in found)


def test_no_workflow(tree: Path) -> None:
    shutil.rmtree(tree / ".github" / "workflows")
    assert workflows.judge(tree).findings == (".github/workflows has none",)


def no_answer(root: Path) -> list[str]:
    raise NoAnswer("zizmor is not installed")


def test_tool_that_is_missing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "_zizmor", no_answer)
    verdict = workflows.judge(tree)
    assert (verdict.outcome, verdict.note) == (Outcome.UNAVAILABLE, "zizmor is not installed")


def test_fault_is_told_though_a_tool_is_missing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "_zizmor", no_answer)
    assert plant(tree, CHECKS, "run: make lint", "run: true")
