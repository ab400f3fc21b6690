"""Filter of `--jq`: the package jq of the extra `latchkey[jq]`, or the program jq."""

import json
import shutil
import subprocess
from importlib import import_module
from typing import Any, Final

from latchkey.cli.errors import CLIError

_COMPILE_ERROR: Final = 3
_TITLE: Final = "--jq failed"
_EXTRA: Final = "Install the extra (pip install 'latchkey[jq]') or the program jq, or use --output json."


def check_jq(expression: str) -> None:
    """Raise CLIError if nothing can evaluate expressions here, or if this one isn't one."""
    package = _package()
    if package is not None:
        try:
            package.compile(expression)
        except ValueError as error:
            raise _invalid(str(error)) from None
    elif shutil.which("jq") is None:
        raise CLIError("--jq needs an extra", "Neither the Python package jq nor the program jq is installed.", _EXTRA)
    else:
        checked = _run(expression, None)
        if checked.returncode == _COMPILE_ERROR:
            raise _invalid(checked.stderr)


def filtered(expression: str, document: object) -> str:
    """Return the results of the expression: a text as it is, everything else as JSON, each on a line of its own.

    Raises CLIError.
    """
    package = _package()
    if package is None:
        return _by_program(expression, document)
    try:
        results = package.compile(expression).input_value(document).all()
    except ValueError as error:
        raise _invalid(str(error)) from None
    return "\n".join(
        result if isinstance(result, str) else json.dumps(result, ensure_ascii=False) for result in results
    )


def _by_program(expression: str, document: object) -> str:
    done = _run(expression, document)
    if done.returncode:
        raise _invalid(done.stderr)
    return done.stdout.removesuffix("\n")


def _run(expression: str, document: object) -> "subprocess.CompletedProcess[str]":
    # The document may hold a new secret, so it's not an argument. The space keeps an expression from being an option.
    command = ["jq", "--raw-output", "--compact-output", f" {expression}"]
    try:
        return subprocess.run(command, input=json.dumps(document), capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise CLIError(_TITLE, f"The program jq can't be run: {error.strerror}.", _EXTRA) from None


def _package() -> Any:
    """Return the package jq, or None if it isn't installed."""
    try:
        return import_module("jq")
    except ImportError:
        return None


def _invalid(message: str) -> CLIError:
    lines = [line for line in message.splitlines() if line.strip()]
    return CLIError(_TITLE, lines[0] if lines else "The expression is invalid.", "See the manual of jq.")
