"""Constants shared by the two processes that measure the admin."""

from typing import Final

EMPTY_PAGE: Final = "empty page"
FEW_KEYS: Final = 1000
"""Keys in the database when the queries are first counted."""
