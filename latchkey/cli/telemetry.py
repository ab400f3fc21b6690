"""Telemetry: sends one JSON event for each run to LATCHKEY_TELEMETRY_URL, and gives up within a second."""

import os
from threading import Thread
from typing import TYPE_CHECKING, Final

from latchkey import __version__, headers
from latchkey.cli.exit_codes import OUTCOMES
from latchkey.trace_context import trace_of_request

if TYPE_CHECKING:
    from latchkey.cli.invocation import Invocation

MAX_SECONDS: Final = 0.9


def report(invocation: "Invocation", exit_code: int, *, milliseconds: int) -> None:
    """Post the event, for MAX_SECONDS at most. No failure is reported."""
    trace = trace_of_request(invocation.request_id)
    event = {
        "command": invocation.command,
        "outcome": OUTCOMES.get(exit_code, str(exit_code)),
        "exit_code": exit_code,
        "milliseconds": milliseconds,
        "request_id": invocation.request_id,
        "trace_id": trace.trace_id,
        "version": __version__,
    }
    fields = {headers.REQUEST_ID: invocation.request_id, headers.TRACEPARENT: trace.traceparent}
    # A daemon thread doesn't keep the process alive if the receiver is slow.
    sending = Thread(target=_post, args=(os.environ["LATCHKEY_TELEMETRY_URL"], event, fields), daemon=True)
    sending.start()
    sending.join(MAX_SECONDS)


def _post(url: str, event: dict[str, object], fields: dict[str, str]) -> None:
    try:
        import httpx

        httpx.post(url, json=event, headers=fields, timeout=MAX_SECONDS)
    except Exception:  # noqa: BLE001, S110 - it must not show in the command, whatever it is
        pass
