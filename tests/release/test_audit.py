"""No package of the image has a known vulnerability."""

import json
from pathlib import Path

import pytest

from tests.release.tools import run_tool
from tests.support.commands import ROOT
from tests.support.services import unavailable

# A control: this version has had known vulnerabilities for years. It is only looked up, never installed.
CONTROL = "jinja2"
OPTIONS = (
    *("--strict", "--require-hashes", "--disable-pip", "--format=json", "--desc=off", "--aliases=on"),
    *("--progress-spinner=off", "--vulnerability-service=osv"),
)


@pytest.mark.slow("asks for known vulnerabilities")
def test_no_known_vulnerability(tmp_path: Path) -> None:
    control = tmp_path / "control.txt"
    control.write_text(f"{CONTROL}==2.4.1 --hash=sha256:{'0' * 64}\n")
    done = run_tool("pip-audit", *OPTIONS, "--requirement", ROOT / "requirements.txt", "--requirement", control)
    # The exit status is the same for a vulnerability and for a service that doesn't respond.
    if not done.stdout:
        unavailable(f"pip-audit: {done.stderr.strip().splitlines()[-1]}")
    packages = json.loads(done.stdout)["dependencies"]
    skipped = [f"{it['name']}: {it['skip_reason']}" for it in packages if "skip_reason" in it]
    vulnerable = {it["name"]: [known["id"] for known in it["vulns"]] for it in packages if it.get("vulns")}
    if skipped or not vulnerable.pop(CONTROL, None):
        unavailable(f"the service doesn't know the control's vulnerabilities, or skipped a package: {skipped}")
    assert vulnerable == {}
