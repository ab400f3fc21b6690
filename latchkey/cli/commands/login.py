"""`latchkey login`: checks a key and stores it as a profile."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from latchkey.cli import keyring_store
from latchkey.cli.api_key import STANDARD_INPUT, read_secret, warn_about_secret_argument
from latchkey.cli.configuration import DEFAULT_PROFILE, Profile, default_path, profile_names, read_profile
from latchkey.cli.errors import CLIError
from latchkey.cli.output import print_change
from latchkey.cli.parameters import invocation_of
from latchkey.cli.profile_file import PROFILE_NAME, write_profile
from latchkey.credentials import parse_credential

if TYPE_CHECKING:
    from latchkey.cli.invocation import Invocation
    from latchkey.credentials import Credential

_DEFAULT_URL = "http://localhost:8000"


def login(
    context: typer.Context,
    in_file: Annotated[
        bool, typer.Option("--in-file", help="Store the key in the configuration file, even if there's a keyring.")
    ] = False,
) -> None:
    """Ask for the server's URL and your API key, check them, and store them as the profile --profile (default:
    default). The key goes to the system's keyring if there is one, and otherwise to the file, mode 0600.
    """
    invocation = invocation_of(context)
    name = invocation.options.profile or DEFAULT_PROFILE
    if not PROFILE_NAME.fullmatch(name):
        raise typer.BadParameter("a profile's name must be 1 to 64 letters, digits, '_' or '-'")
    config_file = invocation.options.config or default_path()
    # The profile may not exist yet, and what it has is about to be replaced.
    invocation.profile = Profile()
    url = _url(invocation, name)
    credential = _credential(invocation)
    caller = invocation.open(url, credential).whoami()
    in_keyring = not in_file and keyring_store.is_usable()
    if in_keyring:
        keyring_store.write_secret(name, url, credential.reveal())
    else:
        # Two places with keys of one profile would be one too many to clean up after a leak.
        keyring_store.forget_secret(name, url)
    # The first profile is the one to use. A later one must be chosen: a command must not reach another server.
    first = not profile_names(config_file)
    stored = {"api_key": None, "keyring": "system"} if in_keyring else {"api_key": credential.reveal(), "keyring": None}
    header = {"api_key_header": invocation.options.api_key_header} if invocation.options.api_key_header else {}
    write_profile(config_file, name, {"url": url, **stored, **header}, choose=first)
    place = "the system's keyring" if in_keyring else f"{config_file}, mode 0600"
    label = f" ({caller.auth.label})" if caller.auth.label else ""
    print_change(
        {"profile": name, "url": url, "key_id": credential.key_id, "stored_in": "keyring" if in_keyring else "file"},
        invocation.view,
        f"Signed in to {url} as {credential.key_id}{label}. The profile {name} has the key in {place}.",
    )
    _mention_what_hides_it(invocation, name, first=first)


def _url(invocation: "Invocation", name: str) -> str:
    """Return the address that was given, or ask for it. Raises CLIError."""
    from latchkey.cli.connection import check_url

    given = invocation.options.url
    if given is None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise CLIError("No URL", "Without a terminal, login can't ask for it.", "Add --url URL.")
        config_file = invocation.options.config or default_path()
        known = read_profile(config_file, name).url if name in profile_names(config_file) else None
        print(f"URL of the server [{known or _DEFAULT_URL}]: ", end="", file=sys.stderr, flush=True)
        given = sys.stdin.readline().strip() or known or _DEFAULT_URL
    return check_url(given)


def _credential(invocation: "Invocation") -> "Credential":
    """Return the key from standard input, without echo on a terminal. Raises MalformedCredential."""
    options = invocation.options
    if options.key_from_command_line and options.api_key not in (None, STANDARD_INPUT):
        warn_about_secret_argument("--api-key")
        return parse_credential(str(options.api_key))
    return parse_credential(read_secret("API key (key_id:secret): "))


def _mention_what_hides_it(invocation: "Invocation", name: str, *, first: bool) -> None:
    if not first and name != DEFAULT_PROFILE:
        invocation.say(f"use it with --profile {name}, or always: latchkey profile use {name}")
    for variable in ("LATCHKEY_API_KEY", "LATCHKEY_URL"):
        if os.environ.get(variable):
            invocation.say(f"{variable} is set and overrides every profile; unset it to use this one")
