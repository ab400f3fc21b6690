"""`latchkey proxy-test`: checks if a URL behind a proxy is protected."""

from typing import TYPE_CHECKING, Annotated

import typer

from latchkey.cli.api_key import read_api_key
from latchkey.cli.errors import CLIError
from latchkey.cli.exit_codes import REFUSED
from latchkey.cli.output import print_rows
from latchkey.cli.parameters import invocation_of
from latchkey.origin import ORIGIN_FORMAT, is_origin

if TYPE_CHECKING:
    import httpx

    from latchkey.cli.invocation import Invocation
    from latchkey.credentials import Credential


def proxy_test(
    context: typer.Context,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="A URL that the proxy protects. A GET of it must be harmless.")
    ],
    exhaust: Annotated[
        bool, typer.Option("--exhaust", help="Call until the key's rate limit is exceeded, at most 1000 times.")
    ] = False,
    cors_origin: Annotated[
        str | None,
        typer.Option("--cors-origin", metavar="ORIGIN", help="Also test that pages of this origin can call it."),
    ] = None,
) -> None:
    """Test from outside that a URL is protected by Latchkey. Exit 0 if nothing failed, 2 if a check failed, 3 if
    the URL doesn't respond. Only a key in --api-key is sent to the URL, never that of the environment or of a
    profile, because that is a key for Latchkey itself.
    """
    from latchkey.client.cors_checks import check_cors
    from latchkey.client.proxy_checks import CheckResult, check_proxy

    if cors_origin is not None and not is_origin(cors_origin):
        raise typer.BadParameter(f"--cors-origin must be {ORIGIN_FORMAT}")
    invocation = invocation_of(context)
    probe_url = _server_url(url)
    credential = _credential(invocation, probe_url)
    if exhaust and credential is None:
        raise typer.BadParameter("--exhaust uses up a key's rate limit. Add the key: --api-key.")
    with _http_client(invocation) as http:
        from latchkey.client.proxy_probe import Probe

        probe = Probe(http, probe_url, invocation.request_id, invocation.timeout_seconds)
        found = list(check_cors(probe, cors_origin)) if cors_origin else []
        found = [*check_proxy(probe, credential, exhaust=exhaust), *found]
    rows = [check.as_json() for check in found]
    holds = all(check.result is not CheckResult.FAILED for check in found)
    print_rows({"url": probe_url, "holds": holds, "checks": rows}, invocation.view, rows=rows, items="checks")
    if not holds:
        raise typer.Exit(REFUSED)


def _server_url(url: str) -> str:
    from latchkey.client.address import server_url

    try:
        return server_url(url)
    except ValueError as error:
        raise CLIError("The URL is invalid", f"Refused: {error}.", "Use a URL that the proxy protects.") from None


def _credential(invocation: "Invocation", url: str) -> "Credential | None":
    from latchkey.client.address import is_unencrypted

    # A key from the environment or a profile is for Latchkey itself, so another URL must not receive it.
    if not invocation.options.key_from_command_line:
        return None
    credential = read_api_key(invocation.options.api_key, from_command_line=True)
    if is_unencrypted(url):
        invocation.say("warning: http:// sends the key unencrypted; use https://.")
    return credential


def _http_client(invocation: "Invocation") -> "httpx.Client":
    import httpx

    return httpx.Client(timeout=invocation.timeout_seconds)
