"""Log of `--verbose`: each call as one JSON object on a line of standard error, without secrets."""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from latchkey.redaction import redact, redact_tokens
from latchkey.timestamps import rfc3339

if TYPE_CHECKING:
    from latchkey.client.attempt import Attempt


def log_attempt(attempt: "Attempt") -> None:
    """Write the line of one attempt."""
    log(
        "call",
        method=attempt.method,
        path=attempt.path,
        attempt=attempt.number,
        status=attempt.status,
        failure=type(attempt.failure).__name__ if attempt.failure else None,
        milliseconds=attempt.milliseconds,
        request_id=attempt.request_id,
        trace_id=attempt.trace_id,
    )


def log(event: str, **members: object) -> None:
    """Write a line; `event` says what happened."""
    stamped = {"event": event, "timestamp": rfc3339(datetime.now(UTC), timespec="milliseconds"), **members}
    clean = {name: redact(value) if isinstance(value, str) else value for name, value in stamped.items()}
    # Names, and values inside lists and objects, are not redacted yet. redact_tokens() leaves JSON valid.
    print(redact_tokens(json.dumps(clean)), file=sys.stderr, flush=True)
