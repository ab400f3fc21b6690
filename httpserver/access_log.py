"""Access log: one line per request."""

from time import perf_counter

import structlog

log = structlog.get_logger("latchkey.access")


def log_request(*, method: str | None, path: str, status: int, address: str, started: float, **more: object) -> None:
    """Log a request. `started` is the value of `perf_counter` when it began."""
    log.info(
        "request",
        method=method,
        path=path,
        status=status,
        milliseconds=round((perf_counter() - started) * 1000, 2),
        address=address,
        **more,
    )
