"""Classification of database errors: an outage is an error that an operator or a failover can end, without a
change of the request.
"""

from typing import Final

from django.db import Error, InterfaceError, OperationalError

# Django reports these as programming errors. A failover causes them, to a standby or to a server without our
# tables. Source: PostgreSQL, "Error Codes".
_SQLSTATES: Final = {
    "25006": "the database rejects changes: it is a standby or set to read-only",
    "3F000": "the database lacks Latchkey's schema",
    "42P01": "the database lacks Latchkey's tables",
    "42703": "the database lacks Latchkey's columns",
}


def outage_of(error: BaseException) -> str:
    """Return a description of the outage that caused `error`; empty if it is not an outage."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return f"{type(error).__name__}: {error}"
    if isinstance(error, Error):
        return _SQLSTATES.get(getattr(error.__cause__, "sqlstate", None) or "", "")
    return ""
