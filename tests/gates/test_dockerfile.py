from pathlib import Path

import pytest

from gates import dockerfile
from gates.instructions import Instruction, instructions
from gates.tree import NoAnswer
from gates.verdict import Outcome
from tests.gates.planting import copied, plant


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return copied(tmp_path, "Dockerfile") / "Dockerfile"


def test_this_tree() -> None:
    verdict = dockerfile.judge()
    assert verdict.outcome is Outcome.PASSED, verdict


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("USER 10001:10001", "", "no USER: the image runs as root"),
        ("USER 10001:10001", "USER root", "USER root: name a user by number"),
        ("USER 10001:10001", "USER 0:0", "USER 0:0: name a user by number"),
        ("USER 10001:10001", "USER 10001:0", "USER 10001:0: name a user by number"),
        ("USER 10001:10001", "USER 10001:10001\nUSER 0", "USER 0: name a user by number"),
        ("FROM ${PYTHON_IMAGE} AS runtime", "FROM python:3.13-slim AS runtime", "FROM python:3.13-slim: name the base"),
        ("COPY . /opt", "ADD . /opt", "ADD fetches and unpacks"),
        ("ARG REVISION=unknown", "ARG API_KEY", "ARG API_KEY: a secret in an image"),
        ("PYTHONUNBUFFERED=1", "SECRET_PEPPERS=p1:00", "ENV SECRET_PEPPERS: a secret in an image"),
        ("STOPSIGNAL SIGTERM", "", "no STOPSIGNAL"),
        ("HEALTHCHECK --interval", "#", "no HEALTHCHECK"),
        ("HEALTHCHECK ", "HEALTHCHECK NONE\n#", "no HEALTHCHECK"),
        ("WORKDIR /opt/latchkey/app", "WORKDIR app", "DL3000"),
        ("ENTRYPOINT [", "ENTRYPOINT exec [", "DL3025"),
        ("STOPSIGNAL SIGTERM", "# hadolint ignore=DL3000\nWORKDIR app\nSTOPSIGNAL SIGTERM", "DL3000"),
        ("STOPSIGNAL SIGTERM", "THIS IS NOT ONE", ""),
        ("--require-hashes", "", "pip installs without --require-hashes"),
        ("--require-hashes", "--require-hashes -i http://x/", "pip is told -i"),
        ("--require-hashes", "--require-hashes --extra-index-url=http://x/", "pip is told --extra-index-url"),
        ("--require-hashes", "--require-hashes --find-links /x", "pip is told --find-links"),
        ("--require-hashes", "--require-hashes --trusted-host x", "pip is told --trusted-host"),
        (
            "&& /opt/latchkey/venv/bin/python -m pip uninstall",
            "&& pip3 install six && pip uninstall",
            "without --require",
        ),
        ("COPY . /opt", "RUN uv pip install six\nCOPY . /opt", "uv installs: use pip"),
        ("COPY . /opt", "RUN PIP_INDEX_URL=http://x/ true\nCOPY . /opt", "PIP_INDEX_URL: a setting of an installer"),
        ("PYTHONUNBUFFERED=1", "PIP_EXTRA_INDEX_URL=http://x/", "PIP_EXTRA_INDEX_URL: a setting of an installer"),
    ],
)
def test_planted(path: Path, old: str, new: str, told: str) -> None:
    plant(path, old, new)
    found = dockerfile.findings(path)
    assert found
    assert told in "\n".join(found)
    assert all(it.startswith("Dockerfile:") for it in found)


def silent(path: Path) -> list[str]:
    raise NoAnswer("hadolint was ended by signal 9")


def test_own_rules_stand_though_hadolint_does_not_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dockerfile, "of_hadolint", silent)
    with pytest.raises(NoAnswer, match="signal 9"):
        dockerfile.findings(path)
    plant(path, "STOPSIGNAL SIGTERM", "")
    (found,) = dockerfile.findings(path)
    assert "no STOPSIGNAL" in found


def test_a_missing_one(tmp_path: Path) -> None:
    assert dockerfile.findings(tmp_path / "Dockerfile") == ["Dockerfile: is missing"]


def test_instructions() -> None:
    text = "# a comment\nfrom  base\n\nRUN one \\\n    # within\n    && two\nUSER 1\n"
    assert instructions(text) == [
        Instruction(2, "FROM", "base"),
        Instruction(4, "RUN", "one  && two"),
        Instruction(7, "USER", "1"),
    ]


def test_an_earlier_stage_is_a_base() -> None:
    text = "ARG A=b\nFROM $A AS one\nFROM one\nUSER 5\nHEALTHCHECK CMD x\nSTOPSIGNAL SIGTERM\n"
    assert list(dockerfile.of_own_rules(instructions(text))) == []
