"""Candidates: Latchkey's stores."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.decision.candidate import Decide, Make
from benchmarks.decision.quota import Quota
from ratelimit.limit import Limit
from ratelimit.stores import open_store


def memory(quota: Quota, keys: Sequence[str]) -> Decide:
    return _decide("memory://", quota, keys)


def lmdb_in(directory: Path) -> Make:
    """Return a factory of LMDB stores that gives every store its own subdirectory of `directory`."""

    def lmdb(quota: Quota, keys: Sequence[str]) -> Decide:
        return _decide(f"lmdb://{mkdtemp(dir=directory)}", quota, keys)

    return lmdb


def _decide(url: str, quota: Quota, keys: Sequence[str]) -> Decide:
    take = open_store(url).take
    limit = Limit(quota.burst, quota.per_seconds)
    asked = [key.encode() for key in keys]

    def decide(times: int) -> int:
        allowed = 0
        for _ in range(times):
            for key in asked:
                allowed += take(key, limit)[0]
        return allowed

    return decide
