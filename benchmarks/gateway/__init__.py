"""Gateway: the cost of /v1/check, compared with similar software, by the number of keys and by the bucket store."""

import sys

from benchmarks.balance import connect, workers_of
from benchmarks.gateway import beside, exact, key_numbers, parts, stores
from benchmarks.gateway.names import APPLICATION, WORKERS
from benchmarks.gateway.nginx import nginx
from benchmarks.gateway.peer import peer
from benchmarks.gateway.wrk import program
from benchmarks.installation import installation
from benchmarks.section import Section


def sections(*, quick: bool) -> list[Section]:
    """Measure everything and return the sections. With `quick`, leave out the million keys.

    Without a Redis, leave out Django REST framework. Raise CouldNotMeasure if wrk or nginx isn't installed.
    """
    for name in ("wrk", "nginx"):
        program(name)
    found = _beside(rounds=2 if quick else 11, counted=2_000 if quick else 20_000)
    found += stores.measure(2 if quick else 9)
    found += parts.measure(1 if quick else 5)
    return found if quick else found + key_numbers.measure(7)


def _beside(*, rounds: int, counted: int) -> list[Section]:
    with installation(workers=WORKERS, application=APPLICATION) as latchkey:
        with connect(latchkey.port, workers=WORKERS, connections=WORKERS) as load:
            workers = workers_of(load)
        with nginx(latchkey.port) as proxy, peer() as other:
            if other is None:
                print("No Redis answers: REST framework is left out.", file=sys.stderr)
            found = beside.measure(latchkey, workers, proxy, other, rounds)
        return found + exact.measure(latchkey, rounds=3, counted=counted)
