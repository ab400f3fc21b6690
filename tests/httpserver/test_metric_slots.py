"""Metrics of processes that are forked from one that has loaded everything."""

import os
import subprocess
import sys
from pathlib import Path

PLAY = """
import os
from httpserver.metric_slots import count_as, count_later

count_later()
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess

early, timed = Counter("early", "Made before the fork.", ["kind"]), Histogram("timed", "Too.")
early.labels("x").inc(100)  # by the one that forks, which counts nothing
assert os.listdir(os.environ["PROMETHEUS_MULTIPROC_DIR"]) == []
for place in ("worker0", "worker1", "worker0"):  # the last takes the place of the first
    if os.fork() == 0:
        count_as(place)
        early.labels("x").inc()
        early.labels("y").inc(2)
        timed.observe(0.5)
        Counter("late", "Made after the fork.").inc()
        os._exit(0)
    os.wait()
together = CollectorRegistry()
multiprocess.MultiProcessCollector(together)
print(generate_latest(together).decode())
"""


def test_forks_count_in_files_of_their_own_by_metrics_made_before(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    played = subprocess.run(
        [sys.executable, "-c", PLAY], env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    lines = played.stdout.splitlines()
    for line in ('early_total{kind="x"} 3.0', 'early_total{kind="y"} 6.0', "timed_count 3.0", "late_total 3.0"):
        assert line in lines
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{kind}_{place}.db" for kind in ("counter", "histogram") for place in ("worker0", "worker1")
    }
