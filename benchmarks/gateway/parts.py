"""Where the time of a check goes, part by part: samples of one worker that has nothing else to do."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import httpx

from benchmarks.gateway.peers import PATH
from benchmarks.gateway.wrk import Wrk
from benchmarks.installation import installation
from benchmarks.load import workers_of
from benchmarks.measurement import Section, series_of

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
        "gateway/check_parameters.py",
        "latchkey/request_id.py",
        "latchkey/credentials.py",
    ),
    "record and HMAC": ("apikeys/", "hmac.py", "latchkey/peppers.py"),
    "decision": ("ratelimit/bucket.py", "ratelimit/limiter.py", "ratelimit/decision.py", "ratelimit/stores/"),
    "metrics": ("latchkey/buffered_metrics.py", "ratelimit/metrics.py", "gateway/native/metrics.py"),
    "answer": ("gateway/native/allow_responses.py", "ratelimit/headers.py"),
    "send": ("httpserver/inline_request.py",),
}
"""Parts by the modules in which a sample lies; the first that fits counts."""

_SECONDS: Final = 2


def measure(rounds: int) -> list[Section]:
    """Return the microseconds of each part: its share of the samples times the time of one check at full load."""
    taken: dict[str, list[float]] = {name: [] for name in (WHOLE, *PARTS, OTHER)}
    with installation(workers=1, settings={"BENCHMARK_PROFILE": "true"}) as latchkey:
        workers_of(latchkey.port, 1)
        profile = f"http://127.0.0.1:{latchkey.port}/profile"
        wrk = Wrk(f"http://127.0.0.1:{latchkey.port}{PATH}", latchkey.credential)
        wrk.run(1)
        for _ in range(rounds):
            httpx.get(profile, timeout=10)
            whole = 1e6 / wrk.run(_SECONDS).rate
            taken[WHOLE].append(whole)
            for name, share in shares(httpx.get(profile, timeout=10).json()).items():
                taken[name].append(whole * share)
    title = "Where the time of a check goes, 1 worker"
    return [Section("gateway-parts", title, "µs", WHOLE, series_of(taken))]


def shares(samples: Mapping[str, int]) -> dict[str, float]:
    """Return each part's share of the samples, by name. `samples` are counts by `module:function`."""
    found = Counter[str]()
    for place, count in samples.items():
        found[next((name for name, modules in PARTS.items() if place.startswith(modules)), OTHER)] += count
    return {name: found[name] / max(1, found.total()) for name in (*PARTS, OTHER)}
