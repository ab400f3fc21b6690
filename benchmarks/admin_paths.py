"""Constants shared by the two processes that measure the admin."""

from typing import Final

EMPTY_PAGE: Final = "empty page"
FEW_KEYS: Final = 1000
"""Number of keys in the database at the first count of queries."""
