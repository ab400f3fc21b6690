"""hadolint, zizmor and actionlint find nothing in the Dockerfile and the workflows."""

import pytest

from tests.release.tools import run_tool

# zizmor runs offline, so that it finds the same each time. Comments that silence a rule don't count.
LINTERS = {
    "hadolint": ["Dockerfile"],
    "zizmor": ["--offline", "--no-ignores", "--persona=auditor", "--strict-collection", "--collect=all", ".github"],
    "actionlint": ["-shellcheck=", "-pyflakes="],
}


@pytest.mark.parametrize("name", LINTERS)
def test_linter(name: str) -> None:
    done = run_tool(name, *LINTERS[name])
    assert done.returncode == 0, done.stdout + done.stderr
