"""The gate that no locked package has a known vulnerability."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gates.lock import SERVER
from gates.tree import ROOT, last_line, run_tool
from gates.verdict import Gate, Verdict, judged, unavailable

# A version with vulnerabilities known for years: a service that knows none of them is not believed. It is only asked
# about, never installed.
PROBE: Final = "jinja2"
_PROBE_LINE: Final = f"{PROBE}==2.4.1 --hash=sha256:{'0' * 64}\n"
_OPTIONS: Final = (
    "--strict",
    "--require-hashes",
    "--disable-pip",
    "--format=json",
    "--desc=off",
    "--aliases=on",
    "--progress-spinner=off",
    "--vulnerability-service=osv",
)


def audit(requirements: Path, service_url: str | None = None) -> Verdict:
    """Asks the service about each package; `service_url` is that of another OSV service than pip-audit's own."""
    with tempfile.TemporaryDirectory() as directory:
        probe = Path(directory) / "probe.txt"
        probe.write_text(_PROBE_LINE, encoding="ascii")
        files = ("--requirement", requirements, "--requirement", probe)
        url = ("--osv-url", service_url) if service_url else ()
        done = run_tool("pip-audit", *_OPTIONS, *files, *url)
    return verdict(done.stdout, done.stderr)


def verdict(output: str, errors: str) -> Verdict:
    """What pip-audit's answer means; its exit does not tell a vulnerability from a failure, but its output does."""
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return unavailable(f"pip-audit: {last_line(errors)}")
    skipped = [f"{it['name']} ({it['skip_reason']})" for it in dependencies if "skip_reason" in it]
    if skipped:
        return unavailable(f"not audited: {', '.join(skipped)}")
    probes = [it for it in dependencies if it["name"] == PROBE]
    others = [it for it in dependencies if it["name"] != PROBE]
    if not others or not probes or not all(it["vulns"] for it in probes):
        return unavailable(f"the service does not know the vulnerabilities of the probe, {_PROBE_LINE.split()[0]}")
    return judged(list(_told(others)), f"{len(others)} packages have no known vulnerability")


def _told(dependencies: list[dict[str, Any]]) -> Iterator[str]:
    for it in dependencies:
        for known in it["vulns"]:
            names = ", ".join([known["id"], *known.get("aliases", [])])
            fixed = ", ".join(known["fix_versions"]) or "no version"
            yield f"{it['name']} {it['version']}: {names}; fixed in {fixed}"


def judge() -> Verdict:
    """Judges the lock of the server."""
    return audit(ROOT / SERVER)


GATE: Final = Gate("dependency_audit", "no locked package has a known vulnerability", judge)
