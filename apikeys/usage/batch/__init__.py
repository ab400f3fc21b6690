"""A batch of usage: compares the marks of some keys with their counters, sets them, and adds the difference to the
rows.

Nothing is read first and written later. What a key's counters are ahead of its mark is found and written by the
database itself, and only if the mark is still what was compared. A mark that another writer has set in between is
left alone, so nothing is counted twice or lost, however many writers there are.
"""

from django.db import connection

from apikeys.usage.batch import postgresql, sqlite
from apikeys.usage.batch.changes import Dialect
from apikeys.usage.batch.counted import Counted, Written

__all__ = ["Counted", "Written", "dialect", "keep_others_out", "write_batch"]


def write_batch(counted: Counted) -> Written:
    """Write the batch as a transaction, or as part of the open one. Raise django.db.Error."""
    return postgresql.write(counted) if connection.vendor == "postgresql" else sqlite.write(counted)


def keep_others_out() -> None:
    """Keep other writers of usage out until the open transaction ends."""
    # On SQLite, the transaction itself keeps them out from its beginning.
    if connection.vendor == "postgresql":
        postgresql.lock()


def dialect() -> Dialect:
    """Return the expressions that this database writes in its own way."""
    return postgresql.SQL if connection.vendor == "postgresql" else sqlite.SQL
