"""What the bucket store costs a check: each store in a Latchkey of its own, with one worker, as memory:// allows."""

from contextlib import ExitStack
from typing import Final

from benchmarks import paths
from benchmarks.balance import wait_for_workers
from benchmarks.gateway.wrk import CONNECTIONS, Wrk
from benchmarks.installation import installation
from benchmarks.section import Section
from benchmarks.series import Series

BASE: Final = "lmdb://"
STORES: Final[dict[str, str | None]] = {BASE: None, "memory://": "memory://"}
"""The address of each store by its name; None is the installation's own."""

_SECONDS: Final = 1


def measure(rounds: int) -> list[Section]:
    """Asks each store once a round, in turn."""
    with ExitStack() as stack:
        candidates = {}
        for name, url in STORES.items():
            latchkey = stack.enter_context(installation(workers=1, store=url))
            wait_for_workers(latchkey.port, 1)
            candidates[name] = Wrk(f"http://127.0.0.1:{latchkey.port}{paths.CHECK}", latchkey.credential)
        rates: dict[str, list[float]] = {name: [] for name in candidates}
        for number in range(rounds + 1):
            for name, wrk in candidates.items():
                rate = wrk.run(_SECONDS).rate
                if number:  # the first warms caches up
                    rates[name].append(rate)
    series = tuple(Series(name, tuple(measured)) for name, measured in rates.items())
    title = f"/v1/check over {CONNECTIONS} connections by bucket store, 1 worker"
    return [Section("gateway-stores", title, "requests/s", BASE, series, ())]
