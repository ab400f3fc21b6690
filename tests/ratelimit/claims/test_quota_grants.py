"""Grants of quotas are exact over all processes of a host."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from ratelimit.quota_grants import SHARE, name_of
from ratelimit.stores import LmdbStore
from tests.ratelimit.claims.asking import START_S, quota, seed

ROOT = Path(__file__).parents[3]
COUNTER = b"o:1:month"
SHARE_OF_ALL = 150
WORKER = f"""
import sys
from contextlib import suppress
from pathlib import Path
from ratelimit.quota_grants import GrantsUsedUp
from ratelimit.stores import LmdbStore
from tests.ratelimit.claims.asking import START_S, quota

store = LmdbStore(Path(sys.argv[1]), lambda: START_S * 10**9)
granted = 0
for _ in range(100):
    with suppress(GrantsUsedUp):
        granted += store.take_in_outage((sys.argv[2].encode(), None, 1, 0, 0, (quota({COUNTER!r}, {SHARE_OF_ALL * SHARE}),)))[0]
print(granted)
"""


def test_workers_together_grant_the_share(tmp_path: Path) -> None:
    path = tmp_path / "buckets"
    with closing(LmdbStore(path, lambda: START_S * 10**9)) as store:
        seed(store, quota(COUNTER, SHARE_OF_ALL * SHARE))
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), f"lk_{number:012}"], stdout=subprocess.PIPE, cwd=ROOT
        )
        for number in range(4)
    ]
    granted = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    assert sum(granted) == SHARE_OF_ALL
    with closing(LmdbStore(path, lambda: START_S * 10**9)) as store:
        uses = store.quota_uses([COUNTER, name_of(COUNTER)])
        assert [use.used if use else 0 for use in uses] == [SHARE_OF_ALL] * 2
