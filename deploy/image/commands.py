"""Runs the programs that build and run images."""

import os
import subprocess
import sys
from collections.abc import Sequence


class ImageError(Exception):
    """A program failed; the message is its last lines."""


def run(arguments: Sequence[str], *, timeout_seconds: float = 600, given: str | None = None) -> str:
    """Return the standard output of a program. Raise ImageError if it fails or takes too long."""
    done = attempt(arguments, timeout_seconds=timeout_seconds, given=given)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
        raise ImageError(f"{arguments[0]} exited with {done.returncode}:\n" + "\n".join(lines))
    return done.stdout


def clean_up(arguments: Sequence[str]) -> None:
    """Run a program that removes something. If it fails, print a warning and go on."""
    try:
        run(arguments)
    except ImageError as error:
        print(f"latchkey: {arguments[-1]} may have been left behind: {error}", file=sys.stderr)


def attempt(
    arguments: Sequence[str], *, timeout_seconds: float = 600, given: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program, whatever its exit status. Raise ImageError if it is missing or takes too long."""
    try:
        return subprocess.run(  # noqa: S603 - our own command lines
            arguments,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_seconds,
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError:
        raise ImageError(f"{arguments[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ImageError(f"{arguments[0]} did not end within {timeout_seconds:.0f} s") from None
