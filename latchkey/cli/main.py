"""Outermost frame of the command: it always ends with one of its exit codes, and never shows a secret."""

import os
import re
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Final

from latchkey.cli.error_messages import error_message, exit_code_of
from latchkey.cli.errors import CLIError
from latchkey.cli.exit_codes import COULD_NOT, DONE, INTERRUPTED, REFUSED
from latchkey.cli.invocation import Invocation
from latchkey.cli.options import move_general_options_first
from latchkey.cli.output import OutputError, ReaderClosed, discard_stdout, is_stdout_error
from latchkey.cli.secret_output import SecretLost
from latchkey.cli.standard_streams import open_standard_streams
from latchkey.cli.usage_errors import usage_error_message
from latchkey.problems import ProblemError
from latchkey.redaction import redact

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def main(
    arguments: Sequence[str] | None = None, *, server_url: str | None = None, api_key_header: str | None = None
) -> int:
    """Run the command and return its exit code: 0 done, 2 refused, 3 could not, 130 interrupted.

    `server_url` is the server to call, and `api_key_header` the field that carries the key, if nothing that is typed or
    configured names one.
    """
    started = time.perf_counter()
    open_standard_streams()
    invocation = Invocation(server_url, api_key_header)
    status = _run(move_general_options_first(sys.argv[1:] if arguments is None else arguments), invocation)
    if "LATCHKEY_TELEMETRY_URL" in os.environ:
        from latchkey.cli.telemetry import report

        report(invocation, status, milliseconds=round((time.perf_counter() - started) * 1000))
    return status


def _run(arguments: Sequence[str], invocation: Invocation) -> int:
    import typer

    from latchkey.cli.app import app

    command = typer.main.get_command(app)
    try:
        _check_utf8(arguments)
        status = command.main(list(arguments), prog_name="latchkey", obj=invocation, standalone_mode=False)
        sys.stdout.flush()
        status = status if isinstance(status, int) else DONE
        return REFUSED if status == DONE and invocation.refused else status
    except typer.TyperException as error:
        print(usage_error_message(error), file=sys.stderr)
        return REFUSED
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except SecretLost as lost:
        return _report_lost_secret(lost)
    except ReaderClosed:
        discard_stdout()
        return DONE
    except SystemExit as ended:
        # typer exits like this after completion, and if a pipe closes during --help.
        return COULD_NOT if ended.code and not isinstance(ended.__context__, BrokenPipeError) else DONE
    except OutputError as reason:
        return _report_output_error(str(reason))
    except Exception as error:  # noqa: BLE001 - the frame of the whole command
        # typer writes help and completion itself, so `write` can't catch their errors.
        if isinstance(error, OSError) and is_stdout_error(error):
            return _report_output_error(error.strerror)
        return _report_failure(error, invocation)


def _report_output_error(reason: str | None) -> int:
    discard_stdout()
    print(f"latchkey: the result cannot be written: {reason}", file=sys.stderr)
    return COULD_NOT


def _check_utf8(arguments: Sequence[str]) -> None:
    """Raise CLIError for arguments that aren't UTF-8."""
    # Python decodes such bytes as lone surrogates, and no request can carry those.
    if any(not argument.isascii() and _SURROGATE.search(argument) for argument in arguments):
        remedy = "Use UTF-8; `locale` shows the terminal's encoding."
        raise CLIError("An argument cannot be decoded", "It is not UTF-8.", remedy)


def _report_failure(error: Exception, invocation: Invocation) -> int:
    """Write what stopped the command to standard error, and return the exit code."""
    if isinstance(error, (CLIError, ProblemError)) or _is_client_error(error):
        print(error_message(error, invocation.caller), file=sys.stderr)
        return exit_code_of(error)
    print(f"latchkey: unexpected error: {type(error).__name__}", file=sys.stderr)
    if invocation.options.verbose:
        # An exception's message may hold a secret.
        print(redact("".join(traceback.format_exception(error))), file=sys.stderr)
    else:
        print("What to do: run it again with --verbose, and report the output.", file=sys.stderr)
    print(f"Request ID: {invocation.request_id}", file=sys.stderr)
    return COULD_NOT


def _is_client_error(error: Exception) -> bool:
    """Return whether the client raised `error`."""
    # Don't import the module for this: if it isn't loaded, the client raised nothing.
    failures = sys.modules.get("latchkey.client.failures")
    return failures is not None and isinstance(error, failures.ClientError)


def _report_lost_secret(lost: SecretLost) -> int:
    print(
        f"latchkey: the new secret of {lost.owner} could not be written and is lost\n"
        f"What to do: create another: {lost.again}",
        file=sys.stderr,
    )
    return COULD_NOT
