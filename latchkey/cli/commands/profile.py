"""`latchkey profile`: list, choose and show the profiles of the configuration file."""

from typing import TYPE_CHECKING, Annotated

import typer

from latchkey.cli.configuration import chosen_profile, default_path, profile_names, read_profile
from latchkey.cli.output import print_change, print_object, print_rows
from latchkey.cli.parameters import invocation_of
from latchkey.cli.profile_file import choose_profile
from latchkey.credentials import CREDENTIAL_PATTERN

if TYPE_CHECKING:
    from pathlib import Path

    from latchkey.cli.configuration import Profile
    from latchkey.cli.invocation import Invocation

group = typer.Typer(no_args_is_help=True, help="Profiles: list, use, show. 'latchkey login' adds one.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the profile.", show_default=False)]


@group.command("list")
def list_profiles(context: typer.Context) -> None:
    """List the profiles, with the servers and key IDs, and no secret."""
    invocation = invocation_of(context)
    config_file = _file(invocation)
    chosen = invocation.options.profile or chosen_profile(config_file)
    profiles = [_shown(name, read_profile(config_file, name), chosen) for name in profile_names(config_file)]
    print_rows({"items": profiles}, invocation.view, rows=profiles)


@group.command("use")
def use(context: typer.Context, name: Name) -> None:
    """Use a profile from now on, if neither --profile nor LATCHKEY_PROFILE names another one."""
    invocation = invocation_of(context)
    choose_profile(_file(invocation), name)
    print_change({"profile": name}, invocation.view, f"From now on, the profile {name} is used.")


@group.command("show")
def show(
    context: typer.Context, name: Annotated[str | None, typer.Argument(metavar="NAME", show_default=False)] = None
) -> None:
    """Show a profile, without its secret. Without NAME: the one in use."""
    invocation = invocation_of(context)
    config_file = _file(invocation)
    chosen = invocation.options.profile or chosen_profile(config_file)
    shown = name or chosen
    print_object(_shown(shown, read_profile(config_file, shown), chosen), invocation.view)


def _file(invocation: "Invocation") -> "Path":
    return invocation.options.config or default_path()


def _shown(name: str, profile: "Profile", chosen: str) -> dict[str, object]:
    """Return the profile's fields without its secret."""
    match = CREDENTIAL_PATTERN.fullmatch(profile.api_key or "")
    return {
        "name": name,
        "in_use": name == chosen,
        "url": profile.url,
        "key_id": match[1] if match else None,
        "key_in": "keyring" if profile.keyring else "file" if profile.api_key else None,
        "api_key_header": profile.api_key_header,
        "timeout": profile.timeout,
        "format": profile.format,
    }
