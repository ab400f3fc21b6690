"""Guard rail about the disk."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection

from health.guard_rails.base import Finding, GuardRail, Severity

LEAST_FREE_BYTES: Final = 64 << 20
"""What the bucket file reserves ahead of use. It's far more than one run of the steward writes."""


class FullDisk(GuardRail):
    """A disk that is nearly full.

    When it's full, checks continue until the bucket file's reserve is used up, and changes fail with SQLite.
    """

    name = "full_disk"
    severity = Severity.CRITICAL
    remedy = "Free space on the disk of DATA_DIR, or move DATA_DIR to a larger one."
    every_run = True

    def find(self, now: datetime) -> Finding | None:
        for directory in _written_to():
            try:
                disk = os.statvfs(directory)
            except OSError:
                continue
            if disk.f_bavail * disk.f_frsize < LEAST_FREE_BYTES:
                return Finding(1, f"Less than {LEAST_FREE_BYTES >> 20} MiB are free on the disk of {directory}.")
        return None


def _written_to() -> Iterator[Path]:
    """Yield the directories that this node writes to."""
    yield Path(settings.DATA_DIR)
    # The database file may be on another disk than DATA_DIR.
    if connection.vendor == "sqlite":
        yield Path(connection.settings_dict["NAME"]).absolute().parent
