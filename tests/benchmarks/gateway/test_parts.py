"""To which part of a check a sample belongs."""

import pytest

from benchmarks.gateway.parts import OTHER, PARTS, part_of, shares
from benchmarks.peer_environment import ROOT

SAMPLES = {
    "uvicorn/protocols/http/httptools_impl.py:on_header": "read and parse, protocol",
    "gateway/native/fast_path.py:_read": "credential, question, request id",
    "hmac.py:digest": "record and HMAC",
    "apikeys/cache/key_cache.py:cached": "record and HMAC",
    "ratelimit/stores/lmdb.py:take_many": "decision",
    "ratelimit/headers.py:state_lines": "answer",
    "httpserver/inline_request.py:answer": "send",
    "elsewhere.py:run": OTHER,
}


@pytest.mark.parametrize("place", SAMPLES)
def test_part_of(place: str) -> None:
    assert part_of(place) == SAMPLES[place]


def test_shares_are_of_all_samples() -> None:
    measured = shares(dict.fromkeys(SAMPLES, 10))
    assert sum(measured.values()) == pytest.approx(1)
    assert measured["record and HMAC"] == 0.25
    assert measured["metrics"] == 0


def test_modules_of_ours_are_there() -> None:
    ours = [name for names in PARTS.values() for name in names if not name.startswith(("uvicorn", "asyncio", "hmac"))]
    assert [name for name in ours if not (ROOT / name).exists()] == []
