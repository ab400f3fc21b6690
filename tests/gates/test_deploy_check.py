from pathlib import Path

import pytest

from gates import deploy_check
from gates.deploy_check import findings, silences
from gates.tree import ROOT, packages
from gates.verdict import Outcome
from tests.gates.planting import copied, plant

SILENCED = """SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # subdomains are the operator's
    "security.W008",
    "security.W021",  #
]
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [path.name for path in packages(ROOT) if path.name not in ("tests", "benchmarks", "gates")]
    return copied(tmp_path_factory.mktemp("tree"), "manage.py", "templates", *names)


@pytest.fixture
def tree(whole: Path) -> Path:
    copied(whole, deploy_check.SETTINGS)
    return whole


def test_this_tree() -> None:
    verdict = deploy_check.judge()
    assert verdict.outcome is Outcome.PASSED, verdict


@pytest.mark.slow("runs release tools")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"PUBLIC_URL": "http://keys.example.com"}, "security.W004"),
        ({"DEBUG": "true"}, "security.W018"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY: is too weak"),
        ({"SECRET_PEPPERS": "p1:00"}, "apikeys.E001"),
    ],
)
def test_another_environment(changes: dict[str, str], told: str) -> None:
    assert told in "\n".join(findings(ROOT, **changes))


@pytest.mark.slow("runs release tools")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('X_FRAME_OPTIONS = "DENY"', 'X_FRAME_OPTIONS = "SAMEORIGIN"', "security.W019"),
        ('"django.middleware.csrf.CsrfViewMiddleware",', "", "security.W003"),
        ("31_536_000 if _https", "0 if _https", "security.W004"),
        ('    "security.W021",', '    "security.W021", "security.W001",', "silences 4 checks"),
        ('    "security.W005",', '    "security.W999",', "security.W005"),
    ],
)
def test_planted(tree: Path, old: str, new: str, told: str) -> None:
    plant(tree / deploy_check.SETTINGS, old, new)
    assert told in "\n".join(findings(tree))


def test_silences_without_a_reason() -> None:
    assert silences(SILENCED) == {"security.W005": True, "security.W008": False, "security.W021": False}
    assert silences("OTHER = []\n") == {}


@pytest.mark.slow("runs release tools")
def test_a_silence_without_a_reason_is_told(tree: Path) -> None:
    text = (tree / deploy_check.SETTINGS).read_text()
    start = text.index('"security.W008",')
    (tree / deploy_check.SETTINGS).write_text(text[: start + 16] + text[text.index("\n", start) :])
    assert findings(tree) == ["controlplane/settings.py: the silence of security.W008 says no reason"]
