"""`latchkey completion`: the script that lets a shell complete commands, options and key IDs."""

from enum import StrEnum
from typing import Annotated

import typer

from latchkey.cli.output import write_line


class Shell(StrEnum):
    """Shells for which there is a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that reads the script.", show_default=False)],
) -> None:
    """Print a completion script. For bash, add to ~/.bashrc: eval "$(latchkey completion bash)"

    For zsh, add to ~/.zshrc, after compinit: eval "$(latchkey completion zsh)". For fish, save it as
    ~/.config/fish/completions/latchkey.fish. IDs of keys come from the server, within a second, if a key is stored.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="latchkey", complete_var="_LATCHKEY_COMPLETE", shell=shell.value)
    write_line(script.strip())
