"""Profile of a check: how its time is divided among its parts, from samples of one fully loaded worker."""

import json
from collections import Counter
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Final

from benchmarks import paths
from benchmarks.balance import wait_for_workers
from benchmarks.gateway.wrk import Wrk
from benchmarks.installation import installation
from benchmarks.section import Section
from benchmarks.series import Series

WHOLE: Final = "a whole check"
OTHER: Final = "all else"
PARTS: Final[dict[str, tuple[str, ...]]] = {
    "read and parse, protocol": (
        "httpserver/connection.py",
        "httpserver/protocol.py",
        "httpserver/fast_path_protocol.py",
        "uvicorn/",
        "asyncio/locks.py",
    ),
    "credential, question, request id": (
        "gateway/native/fast_path.py",
        "gateway/question.py",
        "latchkey/request_id.py",
        "latchkey/credentials.py",
    ),
    "record and HMAC": ("apikeys/", "hmac.py", "latchkey/peppers.py"),
    "decision": ("ratelimit/bucket.py", "ratelimit/limiter.py", "ratelimit/decision.py", "ratelimit/stores/"),
    "metrics": ("latchkey/buffered_metrics.py", "ratelimit/metrics.py", "gateway/native/metrics.py"),
    "answer": ("gateway/native/allow_responses.py", "ratelimit/headers.py"),
    "send": ("httpserver/inline_request.py",),
}
"""Path prefixes of the modules that belong to every part. A sample belongs to the first part that matches."""

_SECONDS: Final = 2


def measure(rounds: int) -> list[Section]:
    """Measure the microseconds of every part: its share of the samples, times the duration of a check at full load.

    Return the section.
    """
    taken: dict[str, list[float]] = {name: [] for name in (WHOLE, *PARTS, OTHER)}
    with installation(workers=1, application="benchmarks.gateway.profiled_app:application") as latchkey:
        wait_for_workers(latchkey.port, 1)
        wrk = Wrk(f"http://127.0.0.1:{latchkey.port}{paths.CHECK}", latchkey.credential)
        wrk.run(1)
        for _ in range(rounds):
            # Reading the samples resets them, so this drops those from before the round.
            _samples(latchkey.port)
            whole = 1e6 / wrk.run(_SECONDS).rate
            taken[WHOLE].append(whole)
            for name, share in shares(_samples(latchkey.port)).items():
                taken[name].append(whole * share)
    series = tuple(Series(name, tuple(rounds)) for name, rounds in taken.items())
    return [Section("gateway-parts", "Where the time of a check goes, 1 worker", "µs", WHOLE, series, ())]


def shares(samples: Mapping[str, int]) -> dict[str, float]:
    """Return every part's share of the samples, from 0 to 1, by name."""
    found = Counter[str]()
    for place, number in samples.items():
        found[part_of(place)] += number
    return {name: found[name] / max(1, found.total()) for name in (*PARTS, OTHER)}


def part_of(place: str) -> str:
    """Return the name of the part to which a sample belongs."""
    return next((name for name, beginnings in PARTS.items() if place.startswith(beginnings)), OTHER)


def _samples(port: int) -> dict[str, int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", paths.PROFILE)
    samples: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return samples
