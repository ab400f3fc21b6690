"""What it costs that an installation has a million keys: the time of a request compared with one that has a thousand.

`python -m benchmarks.gateway.keys NUMBER FILE` fills the SQLite database and the bucket store of the environment with
so many working keys, and writes their credentials to the file, one a line.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.gateway.peers import PATH, WORKERS
from benchmarks.gateway.wrk import Wrk, run_evenly
from benchmarks.installation import HIGH_LIMIT, Installation
from benchmarks.load import workers_of
from benchmarks.measurement import Condition, Section, Series, ratio, series_of
from latchkey.credentials import RANDOM_LENGTH, SECRET_PREFIX, checksum

FEW: Final = "1,000 keys"
MANY: Final = "1,000,000 keys"
SPREAD: Final = "1,000,000 keys, all of them asked"
BOUND: Final = 1.15

_WORKING_SET: Final = 1000
_SECONDS: Final = 5
# Before each round, so that each worker has read the keys of the working set.
_WARMING_SECONDS: Final = 3
# Further than a round gets in the file of all keys, so that the next one uses others.
_STEP: Final = 200_000
# As in service. Large transactions would leave thousands of free pages behind, which lmdb would search at each commit.
_BUCKETS_TOGETHER: Final = 16
_GIVE_SECRET: Final = """
    UPDATE apikeys_keysecret SET digest = %s, pepper_id = %s
    WHERE key_id = (SELECT id FROM apikeys_apikey WHERE key_id = %s)"""


def measure(rounds: int) -> list[Section]:
    """Use the same number of keys of both installations, in turn; and then all keys of the larger one."""
    with _filled(_WORKING_SET) as (few, few_workers, few_keys), _filled(1_000_000) as (many, many_workers, many_keys):
        working_set = many_keys.with_name("working-set")
        lines = many_keys.read_text(encoding="ascii").splitlines(keepends=True)
        working_set.write_text("".join(lines[:: len(lines) // _WORKING_SET]), encoding="ascii")
        candidates = {
            FEW: (Wrk(few, credentials=few_keys), few_workers),
            MANY: (Wrk(many, credentials=working_set), many_workers),
            SPREAD: (Wrk(many, credentials=many_keys), many_workers),
        }
        first = count(0, _STEP)
        elapsed: dict[str, list[float]] = {name: [] for name in candidates}
        for number in range(rounds + 1):
            for name, (wrk, workers) in candidates.items():
                begin = next(first)
                if name != SPREAD:
                    run_evenly(wrk, workers, _WARMING_SECONDS, begin)
                rate = run_evenly(wrk, workers, _SECONDS, begin)[-1].rate
                if number:  # the first round imports modules, fills caches and opens connections
                    elapsed[name].append(1e6 / rate)
    return [of_elapsed(series_of(elapsed))]


def of_elapsed(series: Sequence[Series]) -> Section:
    """Return the section of the times, of which those for the same working set are bounded."""
    few, many, _ = series
    condition = Condition(f"{MANY} over {FEW}, each asked for {_WORKING_SET:,}", ratio(many, few), "<=", BOUND)
    title = f"A request to /v1/check by the number of keys, {WORKERS} workers"
    return Section("gateway-keys", title, "µs", FEW, series, [condition])


@contextmanager
def _filled(keys: int) -> Iterator[tuple[str, Sequence[int], Path]]:
    """Serve a Latchkey with so many keys; yields its URL, its workers, and the file of the credentials."""
    with TemporaryDirectory(prefix="latchkey-bench-") as made:
        directory = Path(made)
        latchkey = Installation(directory, workers=WORKERS)
        credentials = directory / "credentials"
        began = time.perf_counter()
        latchkey.run("-m", "benchmarks.gateway.keys", str(keys), str(credentials))
        print(f"Filling {keys:,} keys took {time.perf_counter() - began:.0f} s", file=sys.stderr)
        with latchkey.serving():
            yield f"http://127.0.0.1:{latchkey.port}{PATH}", workers_of(latchkey.port, WORKERS), credentials


def secret(number: int) -> str:
    """Return a secret of the right shape. It is not random."""
    random_part = f"{number:0{RANDOM_LENGTH}}"
    return SECRET_PREFIX + random_part + checksum(random_part)


def main(number: int, file: Path) -> None:
    import_module("django").setup()
    from django.conf import settings
    from django.db import connection, transaction

    from apikeys.models import APIKey
    from console.demo_data.synthetic_keys import fill, synthetic_key_id
    from latchkey.peppers import parse_peppers
    from ratelimit.limit import Limit
    from ratelimit.stores import open_store

    ids, peppers = [synthetic_key_id(key) for key in range(number)], parse_peppers(settings.SECRET_PEPPERS)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = OFF")
        fill(0, number)
        APIKey.objects.update(enabled=True, rate_limit=HIGH_LIMIT)
        digests = [
            (peppers.digest(secret(key), peppers.current), peppers.current, key_id) for key, key_id in enumerate(ids)
        ]
        with transaction.atomic():
            cursor.executemany(_GIVE_SECRET, digests)
    store, limit = open_store(settings.BUCKET_STORE_URL), Limit(**HIGH_LIMIT)
    for begin in range(0, number, _BUCKETS_TOGETHER):
        store.take_many([(key_id.encode(), limit, 1, 1, 0, ()) for key_id in ids[begin : begin + _BUCKETS_TOGETHER]])
    store.close()
    with file.open("w", encoding="ascii") as lines:
        lines.writelines(f"{key_id}:{secret(key)}\n" for key, key_id in enumerate(ids))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
