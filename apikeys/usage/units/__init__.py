"""A batch of usage by unit: like `apikeys.usage.batch`, with a mark for each place of a counter, and rows by unit."""

from django.db import connection

from apikeys.usage.batch import Written
from apikeys.usage.units import postgresql, sqlite
from apikeys.usage.units.counted import CountedUnits

__all__ = ["CountedUnits", "write_units"]


def write_units(counted: CountedUnits) -> Written:
    """Write the batch as a transaction, or as part of the open one. Raise django.db.Error.

    `Written.used` is the number of places with new usage, and `below` lists counters.
    """
    return postgresql.write(counted) if connection.vendor == "postgresql" else sqlite.write(counted)
