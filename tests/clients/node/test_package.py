"""The package of Node.js as its users get it: what it contains, its types, its settings and its client."""

import json
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from latchkey.credentials import Credential, generate_key_id, generate_secret
from latchkey.problem_catalogue import CATALOGUE
from tests.clients.marks import OF_NODE
from tests.clients.node import tools
from tests.clients.node.apps import NODE, node_app
from tests.clients.program import ProgramError
from tests.latchkey.client.responses import KEY_ID, json_response, problem_response
from tests.latchkey.integrations.cases import key
from tests.latchkey.integrations.test_configuration import OWN, SET
from tests.latchkey.stub import JSON, Stub, StubResponse, stub
from tests.support.threaded_server import served

pytestmark = list(OF_NODE)
PACKAGE: Final = json.loads((tools.PACKAGE / "package.json").read_text())
DOCS: Final = (tools.ROOT / "docs/reference/node.md").read_text()
CALLER: Final = Credential(generate_key_id(), generate_secret())
VERDICT: Final[dict[str, Any]] = {"valid": True, "code": "VALID", "key_id": KEY_ID, "scopes": ["a:b"], "metadata": {}}


def node(program: str, directory: Path, environment: Mapping[str, str] | None = None) -> str:
    """What a module prints that has the package installed."""
    modules = directory / "node_modules"
    if not modules.exists():
        modules.symlink_to(tools.build().parent / "node_modules")
    (directory / "program.mjs").write_text(program)
    done = subprocess.run(
        ["node", "--throw-deprecation", "program.mjs"],
        cwd=directory,
        env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_nothing_else_is_packed() -> None:
    tools.build()
    files = {path.relative_to(tools.INSTALLED) for path in tools.INSTALLED.rglob("*") if path.is_file()}
    modules = {path.stem for path in (tools.PACKAGE / "src").iterdir()}
    compiled = {Path("dist", module + suffix) for module in modules for suffix in (".js", ".d.ts")}
    assert files == compiled | {Path("LICENSE"), Path("README.md"), Path("package.json")}
    assert (tools.PACKAGE / "LICENSE").read_text() == (tools.ROOT / "LICENSE").read_text()


def test_it_depends_on_nothing() -> None:
    assert "dependencies" not in PACKAGE
    assert set(PACKAGE["peerDependencies"]) == set(PACKAGE["peerDependenciesMeta"]) == {"express", "fastify", "hono"}
    imported = {
        line.rpartition(" from ")[2].strip('";\n')
        for path in (tools.build().parent / "dist").glob("*.js")
        for line in path.read_text().splitlines()
        if line.startswith(("import ", "export ")) and " from " in line
    }
    assert {name for name in imported if not name.startswith(("./", "node:"))} == set()


def test_its_tools_run_on_the_oldest_version() -> None:
    lock = json.loads((tools.PACKAGE / "package-lock.json").read_text())
    needed = {name: package.get("engines", {}).get("node", "") for name, package in lock["packages"].items()}
    oldest = int(re.findall(r"\d+", PACKAGE["engines"]["node"])[0])
    newer = re.compile(r">= ?(\d+)[.\d]*")
    found = {name for name, engines in needed.items() if (at := newer.fullmatch(engines)) and int(at[1]) > oldest}
    assert found == set(), "npm ci would warn of EBADENGINE"


@pytest.mark.parametrize("module", ["", "/express", "/fastify", "/hono"])
def test_it_can_be_imported_and_required(module: str, tmp_path: Path) -> None:
    name = "@latchkey/node" + module
    required = "createRequire(import.meta.url)"
    program = f"""
        import {{ createRequire }} from "node:module";
        import * as imported from "{name}";
        console.log(Object.keys(imported).join(), {required}("{name}").ConfigurationError === imported.ConfigurationError);
    """
    exported = "ConfigurationError,Principal,latchkey"
    if not module:
        exported = "Client,ClientError,ConfigurationError,NoResponse,ReceivedProblem,UnexpectedResponse,UntrustedServer"
    assert node(program, tmp_path) == f"{exported} true\n"


def test_code_overrides_the_environment() -> None:
    wrong = {"LATCHKEY_TIMEOUT": "soon", "LATCHKEY_FAIL_OPEN": "maybe", "LATCHKEY_URL": "keys"}
    options = {"timeoutSeconds": 3, "failOpen": False, "url": SET["LATCHKEY_URL"]}
    NODE.send(stop=NODE.send(start="express", options=options, environment={**SET, **wrong})["port"])


@pytest.mark.parametrize("options", [{"failopen": True}, {"timeout": 5}, {"api_key": "x"}])
def test_an_option_that_does_not_exist_is_rejected(options: dict[str, object]) -> None:
    with pytest.raises(ProgramError, match="TypeError: Unknown option"):
        NODE.send(start="hono", options=options, environment=SET)


@pytest.mark.parametrize(
    "needs",
    [{"scope": "a:b"}, {"scopes": "a:b"}, {"scopes": [1]}, {"scopes": [""]}, {"cost": 0}, {"cost": "5"}, "a:b", 5],
)
def test_mistakes_in_needs_are_found_early(needs: object) -> None:
    with pytest.raises(ProgramError, match="TypeError: "):
        NODE.call("readNeeds", needs)


def test_problem_types_are_those_of_the_catalog(tmp_path: Path) -> None:
    path = tools.build().parent / "dist/problem-types.js"
    program = f"import {{ PROBLEM_TYPES }} from '{path}'; console.log(JSON.stringify(PROBLEM_TYPES));"
    found = json.loads(node(program, tmp_path))
    wanted = {slug: {"status": CATALOGUE[slug].status, "title": CATALOGUE[slug].title} for slug in found}
    assert found == wanted


# The client and its page


OF_ADDRESS: Final[dict[str, Any]] = {"violated-policies": ["address"]}
ADDRESS_THROTTLED: Final = problem_response(429, "quota-exceeded", **OF_ADDRESS)


def verify(server: Stub, credential: str = "x", **options: object) -> Any:
    return NODE.call("verify", {"url": server.url, "apiKey": OWN.reveal(), **options}, credential)


def test_client_returns_the_verdict() -> None:
    limit = {"limit": 5, "per_seconds": 60, "remaining": 4, "next_token_seconds": 12, "reset_seconds": 12}
    plan = [{**limit, "name": "tpm", "unit": "tokens", "mode": "observe", "remaining": None}]
    verdict = {**VERDICT, "owner": "shop", "rate_limit": limit, "limits": plan}
    with stub(lambda _: json_response(verdict)) as server:
        found = verify(server, CALLER.reveal())
    assert (found["valid"], found["code"], found["keyId"], found["owner"]) == (True, "VALID", KEY_ID, "shop")
    assert (found["label"], found["retryAfterSeconds"], found["scopes"]) == (None, None, ["a:b"])
    assert found["rateLimit"] == {
        "limit": 5,
        "perSeconds": 60,
        "remaining": 4,
        "nextTokenSeconds": 12,
        "resetSeconds": 12,
    }
    of_plan = {"name": "tpm", "unit": "tokens", "mode": "observe", "remaining": None}
    assert (found["limits"], found["violatedPolicies"]) == ([{**found["rateLimit"], **of_plan}], [])
    (sent,) = server.requests
    assert (sent.method, sent.target, sent.fields["x-api-key"]) == ("POST", "/v1/verify", OWN.reveal())
    assert json.loads(sent.body) == {"credential": CALLER.reveal(), "scopes": [], "cost": 1}
    assert len(sent.fields["x-request-id"]) == 32


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (json_response([]), "UnexpectedResponse: The response has no verification."),
        (json_response({**VERDICT, "valid": 1}), "UnexpectedResponse: .* no valid that is true or false"),
        (json_response({**VERDICT, "scopes": "a:b"}), "UnexpectedResponse: .* no scopes that is a list of text"),
        (json_response({**VERDICT, "rate_limit": {}}), "UnexpectedResponse: .* no limit that is a whole number"),
        (json_response(VERDICT, 201), "UnexpectedResponse: The response is a 201 that is not from Latchkey"),
        (StubResponse(fields={**JSON, "X-Request-Id": ""}), "UnexpectedResponse: The response has no X-Request-Id"),
        (StubResponse(body=b"{"), "UnexpectedResponse: .*not valid JSON"),
        (StubResponse(body=b" " * 2**21), "UnexpectedResponse: The response is too large"),
        (StubResponse(404, {"Content-Type": "text/html"}, b""), "UnexpectedResponse: .* a 404 with text/html"),
        (StubResponse(307, {"Location": "https://a:b@x.example/?secret"}), "redirects to https://x.example. The"),
        (problem_response(422, "x", errors=[{}]), "UnexpectedResponse: .* no code that is text"),
        (problem_response(403, "insufficient-scope"), "ReceivedProblem: Why."),
        (problem_response(429, "quota-exceeded", retry_after="1"), "ReceivedProblem: The rate limit .* in 1 second."),
        (ADDRESS_THROTTLED, "ReceivedProblem: Why."),
        (None, "NoResponse: localhost:.* closed the connection before"),
    ],
)
def test_no_verdict_is_an_error(response: StubResponse | None, error: str) -> None:
    with stub(lambda _: response) as server, pytest.raises(ProgramError, match=error):
        verify(server)


def test_a_server_without_a_trusted_certificate_gets_nothing() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with stub(lambda _: json_response(VERDICT), context) as server:
        with pytest.raises(ProgramError, match="UntrustedServer: The TLS of localhost"):
            verify(server)
        options = {"url": server.url, "api_key": OWN.reveal(), "fail_open": True}
        with node_app("express", options) as call:
            assert call("/orders", key(CALLER.reveal())).status_code == 503, "it is no outage"
        assert server.requests == []


def test_one_time_bounds_a_response_that_trickles_in() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1")
        connection.recv(65536)

    with served(trickle) as port, pytest.raises(ProgramError, match=r"NoResponse: .* did not respond in time"):
        NODE.call("verify", {"url": f"http://127.0.0.1:{port}", "apiKey": OWN.reveal(), "timeoutSeconds": 0.2}, "x")


@contextmanager
def keeping(opened: list[int]) -> Iterator[str]:
    """The address of a server that keeps its connections open, and counts them."""
    body = json.dumps(VERDICT).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: a\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    def serve(connection: socket.socket) -> None:
        opened.append(1)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
            # A call ends with its cost.
            if received.endswith(b"1}"):
                received = b""
                connection.sendall(head.encode() + body)

    with served(serve) as port:
        yield f"http://127.0.0.1:{port}"


def test_connections_are_kept_and_bounded() -> None:
    opened: list[int] = []
    with keeping(opened) as url:
        found = NODE.call("verifyOften", {"url": url, "apiKey": OWN.reveal(), "maxConnections": 3}, 50)
    assert (found, len(opened)) == (["VALID"] * 50, 3)


def test_nothing_shows_a_secret() -> None:
    shown = json.dumps(NODE.call("shown", {"url": "http://x", "apiKey": OWN.reveal()}, CALLER.reveal()))
    assert "lks_" not in shown
    assert "bGtf" not in shown
    assert CALLER.key_id in shown


def test_program_of_the_page(tmp_path: Path) -> None:
    (program,) = re.findall(r"```js\n(.*?)```", DOCS, flags=re.DOTALL)
    with stub(lambda _: json_response({**VERDICT, "valid": False, "code": "REVOKED"})) as server:
        own = {"LATCHKEY_URL": server.url, "LATCHKEY_API_KEY": OWN.reveal(), "CREDENTIAL": CALLER.reveal()}
        assert node(program, tmp_path, own) == "false REVOKED\n"
    assert node(program, tmp_path, own).startswith("no verdict, so let nothing pass: Nothing listens at localhost:")
