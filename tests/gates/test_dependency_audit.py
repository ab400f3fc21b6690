import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gates.dependency_audit import PROBE, audit, judge, verdict
from gates.verdict import Outcome

LOCK = f"anyio==4.16.0 \\\n    --hash=sha256:{'a' * 64}\nh11==0.16.0 \\\n    --hash=sha256:{'b' * 64}\n"


def known(package: str, name: str, fixed: str) -> dict[str, Any]:
    """A vulnerability as the OSV schema writes it."""
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    affected = [{"package": {"name": package, "ecosystem": "PyPI"}, "ranges": ranges}]
    return {"id": name, "aliases": [f"CVE-{name}"], "summary": "bad", "affected": affected}


OF_PROBE = known(PROBE, "PYSEC-2014-8", "2.7.2")


class Service:
    """An OSV service on this machine, which knows what it is told."""

    def __init__(self) -> None:
        self.known: list[dict[str, Any]] = [OF_PROBE]
        self.status = 200
        self.asked: list[tuple[str, str]] = []

    def answer(self, body: Any) -> bytes:
        name = body["package"]["name"]
        self.asked.append((name, body["version"]))
        found = [it for it in self.known if it["affected"][0]["package"]["name"] == name]
        return json.dumps({"vulns": found} if found else {}).encode()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def url(service: Service) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = service.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(service.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text(LOCK)
    return path


def test_nothing_known(lock: Path, url: str, service: Service) -> None:
    found = audit(lock, url)
    assert (found.outcome, found.note) == (Outcome.PASSED, "2 packages have no known vulnerability")
    assert sorted(service.asked) == [("anyio", "4.16.0"), ("h11", "0.16.0"), (PROBE, "2.4.1")]


def test_a_vulnerability(lock: Path, url: str, service: Service) -> None:
    service.known.append(known("h11", "PYSEC-2026-1", "0.17.0"))
    found = audit(lock, url)
    assert found.outcome is Outcome.FAILED
    assert found.findings == ("h11 0.16.0: PYSEC-2026-1, CVE-PYSEC-2026-1; fixed in 0.17.0",)


def test_a_service_that_knows_nothing_is_not_believed(lock: Path, url: str, service: Service) -> None:
    service.known.clear()
    found = audit(lock, url)
    assert found.outcome is Outcome.UNAVAILABLE
    assert "the probe, jinja2==2.4.1" in found.note


def test_a_service_in_trouble(lock: Path, url: str, service: Service) -> None:
    service.status = 503
    found = audit(lock, url)
    assert found.outcome is Outcome.UNAVAILABLE
    assert found.note.startswith("pip-audit: ")


def test_no_service(lock: Path) -> None:
    found = audit(lock, "http://127.0.0.1:9/v1/query")
    assert found.outcome is Outcome.UNAVAILABLE
    assert "refused" in found.note


@pytest.mark.parametrize("line", ["h11>=0.1", "h11==0.16.0"])
def test_a_lock_without_hashes_is_not_audited(lock: Path, url: str, line: str) -> None:
    lock.write_text(f"{line}\n")
    found = audit(lock, url)
    assert found.outcome is Outcome.UNAVAILABLE
    assert "hash" in found.note


RECORDED = {
    "dependencies": [
        {"name": "anyio", "version": "4.16.0", "vulns": []},
        {
            "name": "django",
            "version": "1.0",
            "vulns": [
                {"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"], "aliases": ["CVE-1", "GHSA-1"]},
                {"id": "PYSEC-2", "fix_versions": [], "aliases": []},
            ],
        },
        {"name": PROBE, "version": "2.4.1", "vulns": [{"id": "PYSEC-2014-8", "fix_versions": [], "aliases": []}]},
    ],
    "fixes": [],
}


def test_recorded_vulnerabilities() -> None:
    assert verdict(json.dumps(RECORDED), "Found 3 known vulnerabilities in 2 packages").findings == (
        "django 1.0: PYSEC-1, CVE-1, GHSA-1; fixed in 1.1, 2.0",
        "django 1.0: PYSEC-2; fixed in no version",
    )


@pytest.mark.parametrize(
    ("output", "errors", "told"),
    [
        ("", "ERROR:pip_audit._cli:a: not found\n\n", "pip-audit: ERROR:pip_audit._cli:a: not found"),
        ("", "", "pip-audit: it said nothing"),
        ("[]", "", "pip-audit: it said nothing"),
        ('{"dependencies": []}', "", "the service does not know the vulnerabilities of the probe, jinja2==2.4.1"),
        ('{"dependencies": [{"name": "a", "skip_reason": "unknown"}]}', "", "not audited: a (unknown)"),
    ],
)
def test_recorded_failures(output: str, errors: str, told: str) -> None:
    found = verdict(output, errors)
    assert (found.outcome, found.note) == (Outcome.UNAVAILABLE, told)


@pytest.mark.slow("runs release tools")
def test_this_tree() -> None:
    found = judge()
    if found.outcome is Outcome.UNAVAILABLE:
        pytest.skip(found.note)
    assert found.outcome is Outcome.PASSED, found
