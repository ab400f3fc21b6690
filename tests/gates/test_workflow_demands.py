"""A workflow that judges less, or releases what was not judged, is told so."""

from pathlib import Path

import pytest

from tests.gates.workflow_faults import CHECKS, RELEASE, plant, tree

__all__ = ["tree"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("ARGS=--all-required", "ARGS=--list", "no step runs make gates ARGS=--all-required"),
        ("ARGS=--all-required", "ARGS=--list", "job gates: make gates ARGS=--list: lists gates"),
        ("make gates ARGS=--all-required", "make gates", "no step runs make gates ARGS=--all-required"),
        ("latchkey:checked ARGS=--all-required", "latchkey:checked", "no job runs make release-image, and then"),
        (
            "make image-judge IMAGE=latchkey:checked",
            "make image-judge IMAGE=latchkey:other",
            "no job runs make release",
        ),
        ("make image-judge", "make image-gate", "job image: builds an image besides"),
        ("make image-judge", "make release-image", "job image: builds an image besides"),
    ],
)
def test_checks_that_judge_less(tree: Path, old: str, new: str, fault: str) -> None:
    assert any(line.startswith(f"{CHECKS}: {fault}") for line in plant(tree, CHECKS, old, new))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("make image-judge", "make image-gate", "job build: builds an image besides that of make release-image"),
        ("make release-image", "make image", "no job runs make release-image, and then make image-judge"),
        ("    needs: checks\n", "", "job build: does not need the job that runs checks.yml"),
        ("    needs: build\n", "    needs: checks\n", "job publish: does not need the job that judges the image"),
        ("    needs: publish\n", "", "job release: does not need the job that judges the image"),
        (
            '      - run: make release-tag VERSION="${GITHUB_REF_NAME#v}"\n',
            "",
            "job build: does not run make release-t",
        ),
        ("run: docker save", "run: docker push", "job build: docker push"),
        ("docker load --input image.tar", "make run", "job publish: make run: a job with a right to write runs none"),
        ("docker push", "docker run", "job publish: docker run"),
        ("gh release create", "gh api", "job release: gh api"),
        ("cosign sign", "cosign attach", "job publish: cosign attach"),
        (
            "      - uses: sigstore/",
            "      - uses: actions/checkout@v7\n      - uses: sigstore/",
            "job publish: has a right",
        ),
    ],
)
def test_release_of_what_was_not_judged(tree: Path, old: str, new: str, fault: str) -> None:
    assert any(line.startswith(f"{RELEASE}: {fault}") for line in plant(tree, RELEASE, old, new))


def test_jobs_that_wait_for_each_other(tree: Path) -> None:
    found = plant(tree, RELEASE, "    needs: checks\n", "    needs: release\n")
    assert any("job build: does not need the job that runs checks.yml" in line for line in found)
