"""What /v1/check costs a proxy that calls it: compared with its peers, by bucket store, by part, by number of keys."""

from benchmarks.gateway import exact, keys, parts, peers, stores
from benchmarks.installation import installation
from benchmarks.load import workers_of
from benchmarks.measurement import Section
from benchmarks.servers import program


def sections(*, quick: bool) -> list[Section]:
    """Measure everything; without the million keys if `quick`."""
    for name in ("wrk", "nginx"):
        program(name)
    with installation(workers=peers.WORKERS) as latchkey:
        workers = workers_of(latchkey.port, peers.WORKERS)
        found = peers.measure(latchkey, workers, rounds=2 if quick else 11)
        found += exact.measure(latchkey, rounds=3, counted=2_000 if quick else 20_000)
    found += stores.measure(2 if quick else 9)
    found += parts.measure(1 if quick else 5)
    return found if quick else found + keys.measure(7)
