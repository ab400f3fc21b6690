"""Size of a batch of usage: as many keys as the database writes before others have to wait for long."""

from typing import Final

MOST_SECONDS: Final = 0.020
"""How long a batch holds its locks at most, as a rule."""

FIRST: Final = 200
LEAST: Final = 50
MOST: Final = 5000
# A batch may take longer than the one before it.
_AIM_SECONDS: Final = MOST_SECONDS / 2


class BatchSize:
    """Number of keys in the next batch, which follows how long the last ones took."""

    def __init__(self) -> None:
        self.keys = FIRST

    def record(self, keys: int, seconds: float) -> None:
        """Record that a batch of `keys` took so long."""
        fitting = int(keys * _AIM_SECONDS / max(seconds, 1e-6))
        # Slowly up: a few unchanged keys say little about many changed ones. Down to what fits, without a delay.
        self.keys = max(LEAST, min(fitting, MOST, 2 * self.keys))
