"""Command tree, and the options that stand in front of every command."""

from pathlib import Path
from typing import Annotated

import typer

from latchkey import __version__
from latchkey.cli.commands import (
    completion,
    deliveries,
    events,
    guard_rails,
    health,
    key_import,
    key_values,
    keys,
    limits,
    login,
    overrides,
    owners,
    plans,
    profile,
    proxy_test,
    reservations,
    rotation,
    usage,
    verify,
    waivers,
    webhook_values,
    webhooks,
    whoami,
)
from latchkey.cli.configuration import MAX_TIMEOUT_SECONDS
from latchkey.cli.invocation import Invocation
from latchkey.cli.options import Options
from latchkey.cli.view import Format
from latchkey.headers import is_header_name
from latchkey.request_id import is_request_id

app = typer.Typer(
    name="latchkey",
    help="Issue, limit, rotate, watch and revoke the API keys of a Latchkey server.",
    epilog="Exit: 0 done; 2 rejected; 3 failed (throttled, network, timeout, server error). The options above, except "
    "--wait, also work after the command.",
    no_args_is_help=True,
    rich_markup_mode=None,
    # A traceback with local values would show keys.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
keys.group.command("create")(key_values.create)
keys.group.command("update")(key_values.update)
keys.group.command("import")(key_import.import_keys)
keys.group.command("rotate")(rotation.rotate)
keys.group.command("finish-rotation")(rotation.finish_rotation)
webhooks.group.command("add")(webhook_values.add)
webhooks.group.command("edit")(webhook_values.edit)
webhooks.group.command("rotate-secret")(webhook_values.rotate_secret)
webhooks.group.command("deliveries")(deliveries.deliveries)
webhooks.group.command("resend")(deliveries.resend)
limits.group.add_typer(overrides.group, name="override")
app.command("whoami")(whoami.whoami)
app.add_typer(keys.group, name="keys")
app.add_typer(plans.group, name="plans")
app.add_typer(owners.group, name="owners")
app.add_typer(limits.group, name="limits")
app.command("usage")(usage.usage)
app.command("verify")(verify.verify)
app.command("reserve")(reservations.reserve)
app.command("settle")(reservations.settle)
app.command("proxy-test")(proxy_test.proxy_test)
app.command("health")(health.health)
app.add_typer(events.group, name="events")
app.add_typer(webhooks.group, name="webhooks")
app.add_typer(waivers.group, name="waivers")
app.add_typer(guard_rails.group, name="guard-rails")
app.command("login")(login.login)
app.add_typer(profile.group, name="profile")
app.command("completion")(completion.completion)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"latchkey {__version__}")
        raise typer.Exit


def _request_id(text: str | None) -> str | None:
    if text is not None and not is_request_id(text):
        raise typer.BadParameter("a request ID must be 1 to 128 letters, digits, '.', '_' or '-', without a secret")
    return text


def _header_name(text: str | None) -> str | None:
    if text is not None and not is_header_name(text):
        raise typer.BadParameter("a header field's name must be 2 to 64 letters, digits or hyphens")
    return text


@app.callback()
def general(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(
            envvar="LATCHKEY_URL", metavar="URL", help="Address of the server. Default: http://localhost:8000"
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="LATCHKEY_API_KEY",
            metavar="KEY_ID:SECRET",
            help="Your API key; - reads it from standard input, or asks for it on a terminal.",
        ),
    ] = None,
    api_key_header: Annotated[
        str | None,
        typer.Option(
            envvar="LATCHKEY_API_KEY_HEADER",
            metavar="NAME",
            callback=_header_name,
            help="Header field that carries your API key, one of the server's CREDENTIAL_HEADERS. Default: X-API-Key",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            envvar="LATCHKEY_TIMEOUT",
            metavar="SECONDS",
            min=0.01,
            max=MAX_TIMEOUT_SECONDS,
            help="Timeout of each attempt. Default: 10",
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(
            "--output", "-o", "--format", envvar="LATCHKEY_FORMAT", help="Format of the result. Default: table"
        ),
    ] = None,
    columns: Annotated[
        str,
        typer.Option(metavar="NAMES", help="Columns of a table or of CSV, with commas: key_id,rate_limit.burst."),
    ] = "",
    sort: Annotated[
        str, typer.Option(metavar="NAME", help="Column by which a list is sorted; with - in front, descending.")
    ] = "",
    jq: Annotated[
        str, typer.Option(metavar="EXPR", help="Filter the JSON through jq, as in '.items[].key_id'. Implies json.")
    ] = "",
    profile: Annotated[
        str | None, typer.Option(envvar="LATCHKEY_PROFILE", metavar="NAME", help="Profile of the configuration file.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="LATCHKEY_CONFIG",
            metavar="FILE",
            help="The configuration file, mode 0600. Default: ~/.config/latchkey/config.toml",
        ),
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            callback=_request_id,
            help="Request ID of every call, to find it in the server's log. Default: a new one",
        ),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="If the server sends Retry-After, wait that long and try again, for up to an hour."
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Log each call to standard error, one JSON object per line, without secrets."),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Issue, limit, rotate, watch and revoke the API keys of a Latchkey server."""
    invocation = context.find_object(Invocation)
    # Only a key on the command line is visible to others. One from LATCHKEY_API_KEY needs no warning.
    source = context.get_parameter_source("api_key")
    typed = source is not None and source.name == "COMMANDLINE"
    formatted = context.get_parameter_source("format")
    # --jq needs JSON, so it overrides a format from the environment or the profile.
    implied = Format.JSON if jq and not (formatted is not None and formatted.name == "COMMANDLINE") else format
    names = tuple(name for name in map(str.strip, columns.split(",")) if name)
    if invocation is not None:
        invocation.options = Options(
            url, api_key, typed, api_key_header, timeout, implied, profile, config, wait, verbose, names, sort, jq
        )
        invocation.request_id = request_id or invocation.request_id
        invocation.command = context.invoked_subcommand or ""
