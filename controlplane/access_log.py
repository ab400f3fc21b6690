"""The one line that each request leaves in the log."""

from time import perf_counter

import structlog

log = structlog.get_logger("latchkey.access")


def log_request(*, method: str | None, path: str, status: int, address: str, started: float, **more: object) -> None:
    """Writes the line. `started` is what `perf_counter` said when the request began."""
    log.info(
        "request",
        method=method,
        path=path,
        status=status,
        milliseconds=round((perf_counter() - started) * 1000, 2),
        address=address,
        **more,
    )
