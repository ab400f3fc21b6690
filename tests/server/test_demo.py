import os
import subprocess
import sys

import pytest

from tests.support.commands import ROOT

pytestmark = pytest.mark.slow("runs several servers")


def test_demo_runs() -> None:
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    result = subprocess.run(
        [sys.executable, "-m", "console.demo_data.walkthrough"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n    200  RateLimit: ") == 5
    assert result.stdout.count("\n    429  RateLimit: ") == 3
    assert "api_rate_limit_throttled_total 3.0" in result.stdout
    shop, warehouse = result.stdout.count("\n    200  web shop"), result.stdout.count("\n    200  warehouse")
    assert (shop, warehouse) == (3, 2), "two each of the quota of 4, and one of those that were added"
    assert "\n    429  web shop" in result.stdout
    assert "\n    429  warehouse" in result.stdout
    assert result.stdout.endswith("All steps succeeded.\n")
    assert "lks_" not in result.stdout
