"""Which errors of the database are an outage: the same call may succeed once an operator or a failover has ended it."""

from typing import Final

from django.db import Error, InterfaceError, OperationalError

# Django hands these on as faults of the program. A failover brings them about: to a standby, or to a server without our
# tables. Source: PostgreSQL, "Error Codes".
_SQLSTATES: Final = {
    "25006": "the database refuses changes: it is a standby, or set to be read-only",
    "3F000": "the database lacks Latchkey's schema",
    "42P01": "the database lacks Latchkey's tables",
    "42703": "the database lacks Latchkey's columns",
}


def outage_of(error: BaseException) -> str:
    """Return what the outage is that `error` tells of, in words or as the driver says it; empty if it tells of none."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return f"{type(error).__name__}: {error}"
    if isinstance(error, Error):
        return _SQLSTATES.get(getattr(error.__cause__, "sqlstate", None) or "", "")
    return ""
