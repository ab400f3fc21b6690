"""Each way to fail: its exit code, and words that say what to do."""

import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from latchkey.credentials import checksum
from tests.latchkey.cli.running import Latchkey, Ran
from tests.latchkey.stub import JSON, PROBLEM, StubResponse, stub
from tests.support.ports import free_port
from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("runs the installed command many times")

UNKNOWN = "lk_000000000000:lks_" + "A" * 43 + checksum("A" * 43)


def failed(ran: Ran, exit_code: int, *expected: str) -> None:
    """It wrote nothing on standard output, and on standard error each of these."""
    assert (ran.exit_code, ran.out) == (exit_code, "")
    assert [text for text in expected if text not in ran.err] == [], ran.err
    assert "Traceback" not in ran.err


def expire(server: RunningServer, key_id: str) -> None:
    program = (
        "from datetime import UTC, datetime; from apikeys.models import APIKey;"
        f"APIKey.objects.filter(key_id={key_id!r}).update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))"
    )
    server.manage("shell", "-v0", "-c", program)


def test_no_key(latchkey: Latchkey) -> None:
    failed(latchkey.with_key(None).run("whoami"), 2, "No API key", "Set LATCHKEY_API_KEY")


def test_wrong_shape(latchkey: Latchkey) -> None:
    ran = latchkey.with_key("hunter2").run("whoami")
    failed(ran, 2, "Malformed credential", "The credential does not have the form key_id:secret or key_id.secret.")
    assert "hunter2" not in ran.err


def test_mistyped(latchkey: Latchkey, root: str) -> None:
    other = "0" if root[-1] != "0" else "1"
    failed(latchkey.with_key(root[:-1] + other).run("whoami"), 2, "a character is mistyped")


def test_unknown_key(latchkey: Latchkey) -> None:
    failed(latchkey.with_key(UNKNOWN).run("whoami"), 2, "(401 invalid-credential)", "replaced by a rotation")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("expire", ("(401 expired-key)", "latchkey keys update KEY_ID --expires-in")),
        ("disable", ("(401 disabled-key)", "latchkey keys enable KEY_ID")),
        ("revoke", ("(401 revoked-key)", "Revocation is permanent")),
    ],
)
def test_expired_disabled_or_revoked_key(
    latchkey: Latchkey, server: RunningServer, key: dict[str, Any], change: str, expected: tuple[str, ...]
) -> None:
    if change == "expire":
        expire(server, key["key_id"])
    else:
        yes = ["--yes"] if change == "revoke" else []
        assert latchkey.run("keys", change, key["key_id"], *yes).exit_code == 0
    failed(latchkey.with_key(key["credential"]).run("whoami"), 2, *expected)


def test_missing_scope(latchkey: Latchkey, key: dict[str, Any]) -> None:
    ran = latchkey.with_key(key["credential"]).run("keys", "list")
    failed(ran, 2, "(403 insufficient-scope)", "This call needs the scope keys:read.", "keys:write and itself holds")
    assert f"The call was made with the key {key['key_id']} from LATCHKEY_API_KEY." in ran.err
    assert "Use another key that has it: set LATCHKEY_API_KEY" in ran.err


def test_throttled_says_how_long(latchkey: Latchkey) -> None:
    key = latchkey.json("keys", "create", "--label", "slow", "--burst", "1", "--per-seconds", "3600")
    slow = latchkey.with_key(key["credential"])
    assert slow.run("whoami").exit_code == 0
    failed(slow.run("whoami"), 3, "(429 quota-exceeded)", "Retry in 3", "latchkey --wait")


def test_wait_outlasts_the_throttle(latchkey: Latchkey) -> None:
    key = latchkey.json("keys", "create", "--label", "slow", "--burst", "1", "--per-seconds", "1")
    slow = latchkey.with_key(key["credential"])
    assert slow.run("keys", "list").exit_code == 2  # which costs the token too
    assert slow.run("--wait", "whoami").exit_code == 0


def test_validation_failure(latchkey: Latchkey) -> None:
    ran = latchkey.run("keys", "create", "--label", " ", "--burst", "0", "--per-seconds", "9999999")
    expected = ("(422 invalid-parameters)", "  /label: ", "  /rate_limit/burst: ", "  /rate_limit/per_seconds: ")
    failed(ran, 2, *expected, "What to do: ", "Request ID: ")


def test_not_found_and_conflict(latchkey: Latchkey, key: dict[str, Any]) -> None:
    failed(latchkey.run("keys", "show", "lk_000000000000"), 2, "(404 not-found)", "latchkey keys list")
    assert latchkey.run("keys", "rotate", key["key_id"]).exit_code == 0
    failed(latchkey.run("keys", "rotate", key["key_id"]), 2, "(409 rotation-in-progress)", "keys finish-rotation")


def test_typed_wrong(latchkey: Latchkey) -> None:
    failed(latchkey.run("keys", "show", "../whoami"), 2, "a key ID must be lk_", "'latchkey keys show --help'")
    failed(latchkey.run("keys"), 2, "finish-rotation")


def test_refused_connection(latchkey: Latchkey) -> None:
    ran = latchkey.at(f"http://127.0.0.1:{free_port()}").run("whoami")
    failed(ran, 3, "The connection was refused", "Check the port", "Request ID: ")


def test_unknown_host(latchkey: Latchkey) -> None:
    failed(latchkey.at("https://no-such-host.invalid").run("whoami"), 3, "No such host (DNS)", "Check the host name")


def test_time_out(latchkey: Latchkey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        ran = latchkey.at(f"http://127.0.0.1:{deaf.getsockname()[1]}").run("--timeout", "0.2", "whoami")
    failed(ran, 3, "The server did not respond in time", "set a longer timeout")


def test_untrusted_certificate(latchkey: Latchkey, tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with stub(lambda _: StubResponse(body=b'{"status": "ok"}'), tls) as service:
        failed(latchkey.at(service.url).run("health"), 3, "cannot be trusted (TLS)", "SSL_CERT_FILE")
        authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        assert latchkey.at(service.url).run("health", SSL_CERT_FILE=str(tmp_path / "authority.pem")).exit_code == 0
        wrong_name = latchkey.at(service.url.replace("localhost", "127.0.0.1"))
        failed(wrong_name.run("health", SSL_CERT_FILE=str(tmp_path / "authority.pem")), 3, "IP address mismatch")


def test_no_tls_there(latchkey: Latchkey) -> None:
    failed(latchkey.at(latchkey.url.replace("http:", "https:")).run("whoami"), 3, "(TLS)", "begins with http://")


HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (StubResponse(200, HTML, b"<html>"), ("The response is not JSON", "200 with text/html", "Check that the URL")),
        (
            StubResponse(502, HTML, b"<html>"),
            ("The response is not JSON", "The proxy in front of Latchkey cannot reach it."),
        ),
        (
            StubResponse(200, JSON, b'{"a": 1}'),
            ("This is another server", "no key_id that is text", "Check that the URL"),
        ),
        (StubResponse(301, {"Location": "https://u:p@other.example/v1?x"}), ("redirects to https://other.example.",)),
        (None, ("No response", "closed the connection before it responded")),
    ],
)
def test_unexpected_response(latchkey: Latchkey, response: StubResponse | None, expected: tuple[str, ...]) -> None:
    with stub(lambda _: response) as service:
        failed(latchkey.at(service.url).run("whoami"), 3, *expected)


def problem(status: int, slug: str, **fields: str) -> StubResponse:
    body = {"type": f"https://keys.example/problems/{slug}", "title": "From afar\x1b[2J", "detail": "Why."}
    return StubResponse(status, PROBLEM | fields, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (problem(500, "internal-error"), ("(500 internal-error)", "give the request ID to an operator")),
        (problem(503, "unavailable", **{"Retry-After": "10"}), ("(503 unavailable)", "Retry in 10 seconds.")),
    ],
)
def test_server_error(latchkey: Latchkey, response: StubResponse, expected: tuple[str, ...]) -> None:
    with stub(lambda _: response) as service:
        ran = latchkey.at(service.url).run("whoami")
    failed(ran, 3, *expected, r"From afar\x1b[2J")
    assert "\x1b" not in ran.err


def test_other_healthy_server(latchkey: Latchkey) -> None:
    with stub(lambda _: StubResponse(200, JSON | {"X-Request-Id": ""}, b'{"status": "ok"}')) as service:
        failed(latchkey.at(service.url).run("health"), 3, "This is another server", "no X-Request-Id")


def test_certificates_that_are_not_there(latchkey: Latchkey) -> None:
    ran = latchkey.at(f"https://127.0.0.1:{free_port()}").run("health", SSL_CERT_FILE="/nowhere")
    failed(ran, 2, "TLS or proxy settings are invalid", "SSL_CERT_FILE")


def test_configuration_file_that_others_can_read(latchkey: Latchkey) -> None:
    directory = latchkey.home / ".config" / "latchkey"
    directory.mkdir(parents=True)
    file = directory / "config.toml"
    file.touch()
    file.chmod(0o644)
    failed(latchkey.run("whoami"), 2, "has mode 0644", f"What to do: chmod 600 {file}\n")
