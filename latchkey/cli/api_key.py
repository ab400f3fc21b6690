"""API key of the command: from an option, the environment, the profile, standard input or a prompt."""

import sys
from typing import Final

from latchkey.cli.errors import CLIError
from latchkey.credentials import Credential, parse_credential

STANDARD_INPUT: Final = "-"


def read_api_key(given: str | None, *, from_command_line: bool) -> Credential:
    """Return the key that was given, or ask for it on a terminal.

    `from_command_line`: it was given on the command line, where other users can read it.

    Raises CLIError if there is no key, and MalformedCredential.
    """
    if given is None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise CLIError(
                "No API key",
                "This call needs an API key.",
                "Set LATCHKEY_API_KEY to key_id:secret, set api_key in a profile of the configuration file, or use "
                "--api-key - to read it from standard input.",
            )
        given = STANDARD_INPUT
    elif from_command_line and given != STANDARD_INPUT:
        warn_about_secret_argument("--api-key")
    return parse_credential(read_secret("API key (key_id:secret): ") if given == STANDARD_INPUT else given)


def read_secret(prompt: str) -> str:
    """Return a line of standard input. On a terminal, prompt for it and don't echo what is typed."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(prompt, stream=sys.stderr).strip()
    return sys.stdin.readline().strip()


def warn_about_secret_argument(where: str) -> None:
    """Warn that other users can read a secret on a command line."""
    print(
        f"latchkey: warning: other users of this machine can see the secret in {where} (ps), and the shell's history "
        "keeps it. Use - instead to read it from standard input.",
        file=sys.stderr,
    )
