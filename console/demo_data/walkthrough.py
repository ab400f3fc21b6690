"""`make demo`: runs the life of a key, and a quota that two keys share, against a server of its own, and checks every
step.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from console.demo_data.shared_quota import play_shared_quota
from latchkey import headers
from latchkey.metric_names import RATE_LIMIT_THROTTLED

BURST: Final = 5
CALLS: Final = 8
START_SECONDS: Final = 30.0
_MANAGE: Final = str(Path(__file__).resolve().parents[2] / "manage.py")


class StepFailed(Exception):
    """A step did not have the expected result."""


class Demo:
    """The demo. `root` is the first key's credential, `http` is connected to the server, and `report` prints a line."""

    def __init__(self, http: httpx.Client, root: str, report: Callable[[str], None]) -> None:
        self.http = http
        self.root = root
        self.report = report

    def play(self) -> None:
        """Run every step. Raise StepFailed."""
        key = self.issue()
        self.exhaust(key["credential"])
        self.check_throttled_metric()
        new = self.rotate(key)
        self.finish(key, new)
        self.revoke(key, new)
        play_shared_quota(self)

    def issue(self) -> dict[str, Any]:
        """Issue a key with a small rate limit. Return it as the API does."""
        limit = {"burst": BURST, "per_seconds": 3600}
        self.report(f"Issue a key: burst of {BURST}, then one request every {3600 // BURST} s")
        response = self.call("POST", "/v1/keys", self.root, json={"label": "demo", "rate_limit": limit})
        self.expect(response, 201)
        key: dict[str, Any] = response.json()
        self.report(
            f"    201  {key['key_id']}  rate_limit {json.dumps(key['rate_limit'])}  (its secret is shown only once)"
        )
        return key

    def exhaust(self, credential: str) -> None:
        """Make more calls than the bucket allows."""
        self.report(f"Call /v1/whoami {CALLS} times")
        responses = [self.call("GET", "/v1/whoami", credential) for _ in range(CALLS)]
        for response in responses:
            fields = {name: response.headers.get(name) for name in (headers.RATE_LIMIT, headers.RETRY_AFTER)}
            shown = "  ".join(f"{name}: {value}" for name, value in fields.items() if value is not None)
            self.report(f"    {response.status_code}  {shown}")
        self.report(f"    {responses[-1].headers['Content-Type']}: {responses[-1].json()['detail']}")
        self.check([response.status_code for response in responses] == [200] * BURST + [429] * (CALLS - BURST))
        self.check(responses[-1].json()["violated-policies"] == ["key"])

    def check_throttled_metric(self) -> None:
        """Check the number of throttled requests in /metrics, which adds up all workers."""
        self.report("Scrape /metrics")
        text = self.call("GET", "/metrics", self.root).text
        (line,) = [line for line in text.splitlines() if line.startswith(f"{RATE_LIMIT_THROTTLED} ")]
        self.report(f"    {line}")
        self.check(float(line.split()[1]) == CALLS - BURST)

    def rotate(self, key: dict[str, Any]) -> str:
        """Rotate the key; check that both secrets work. Return the new credential."""
        path = f"/v1/keys/{key['key_id']}"
        # The bucket belongs to the key and is empty, so raise the limit first.
        self.expect(self.call("PATCH", path, self.root, json={"rate_limit": {"burst": 60, "per_seconds": 60}}), 200)
        self.report("Rotate with a grace period of one hour")
        response = self.call("POST", f"{path}/rotate", self.root, json={"grace_seconds": 3600})
        self.expect(response, 200)
        new: str = response.json()["credential"]
        self._report_call("old secret", key["credential"], 200)
        self._report_call("new secret", new, 200)
        return new

    def finish(self, key: dict[str, Any], new: str) -> None:
        """Finish the rotation; check that the old secret stops working."""
        self.report("Finish the rotation")
        self.expect(self.call("POST", f"/v1/keys/{key['key_id']}/rotate/finish", self.root), 200)
        self._report_call("old secret", key["credential"], 401)
        self._report_call("new secret", new, 200)

    def revoke(self, key: dict[str, Any], new: str) -> None:
        """Revoke the key; check that its secret stops working."""
        self.report("Revoke the key")
        self.expect(self.call("DELETE", f"/v1/keys/{key['key_id']}", self.root), 204)
        self._report_call("next call", new, 401)

    def _report_call(self, name: str, credential: str, status: int) -> None:
        response = self.call("GET", "/v1/whoami", credential)
        reason = "" if response.is_success else f"  {response.json()['title']}"
        self.report(f"    {response.status_code}  {name}{reason}")
        self.expect(response, status)

    def call(self, method: str, path: str, credential: str, **content: Any) -> httpx.Response:
        """Call the server with the credential."""
        return self.http.request(method, path, headers={headers.API_KEY: credential}, **content)

    def expect(self, response: httpx.Response, status: int) -> None:
        """Raise StepFailed if the response has another status."""
        if response.status_code != status:
            raise StepFailed(f"expected {status}, got {response.status_code}: {response.text}")

    def check(self, holds: bool) -> None:
        """Raise StepFailed unless it holds."""
        if not holds:
            raise StepFailed("unexpected result")


def main() -> int:
    """Run the demo. Return 0 only if every step succeeded."""
    with tempfile.TemporaryDirectory(prefix="latchkey-demo-") as directory:
        port = _free_port()
        environment = {**os.environ, **_settings(Path(directory), port)}
        _manage(environment, "migrate", "--verbosity", "0")
        arguments = ["--label", "root", "--scope", "*", "--burst", "1000", "--per-seconds", "60", "--format", "json"]
        root = json.loads(_manage(environment, "issue_key", *arguments))["credential"]
        print(f"Starting a temporary server on port {port} with 2 workers")
        with (Path(directory) / "server.log").open("wb") as log:
            command = [sys.executable, _MANAGE, "serve", "--bind", f"127.0.0.1:{port}"]
            server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - our own command
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as http:
                    _wait_for(http, server)
                    Demo(http, root, print).play()
            except (StepFailed, httpx.TransportError) as error:
                print(f"Failed: {error}", file=sys.stderr)
                return 1
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait()
    print("All steps succeeded.")
    return 0


def _settings(directory: Path, port: int) -> dict[str, str]:
    """Return the settings of the demo's server."""
    # Set everything that leads to data or secrets, so that no `.env` file directs the demo to the real server's.
    return {
        "DATA_DIR": str(directory),
        "DATABASE_URL": f"sqlite:///{directory / 'demo.sqlite3'}",
        "BUCKET_STORE_URL": f"lmdb://{directory / 'buckets'}",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SECRET_PEPPERS": f"demo:{secrets.token_hex(32)}",
        "DEBUG": "false",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ALLOWED_HOSTS": "127.0.0.1",
        "PORT": str(port),
        "WORKERS": "2",
        "AUTH_FAILURE_LIMIT": '{"burst": 20, "per_seconds": 60}',
    }


def _manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, _MANAGE, *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own command


def _wait_for(http: httpx.Client, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if http.get("/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise StepFailed("the server did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
