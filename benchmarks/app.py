"""The ASGI application under measurement: Latchkey, behind paths that the benchmarks need.

If BENCHMARK_PROFILE is set, it samples where its worker spends its processor time.
"""

import json
import os
import signal
import sysconfig
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from controlplane.asgi import application as latchkey

_ROOT: Final = Path(__file__).parent.parent
_ROOTS: Final = (*(Path(sysconfig.get_path(kind)) for kind in ("purelib", "stdlib")), _ROOT)
_SECONDS: Final = 0.001
_samples: Final[Counter[str]] = Counter()


async def application(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """Respond to the benchmarks' own paths, and pass anything else to Latchkey."""
    if scope["type"] != "http" or scope["path"] not in _BODIES:
        await latchkey(scope, receive, send)
        return
    body = _BODIES[scope["path"]]()
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


def _profile() -> bytes:
    """Return how many samples each function has, as JSON, and forget them."""
    body = json.dumps(_samples).encode()
    _samples.clear()
    return body


_BODIES: Final[dict[str, Callable[[], bytes]]] = {
    "/bare": lambda: b"ok",
    "/worker": lambda: b"%d" % os.getpid(),
    "/profile": _profile,
}


def _sample(_number: int, frame: FrameType | None) -> None:
    """Count the innermost Python function: the C code that it called is its time."""
    if frame is not None:
        path = Path(frame.f_code.co_filename)
        root = next((root for root in _ROOTS if path.is_relative_to(root)), path.parent)
        _samples[f"{path.relative_to(root)}:{frame.f_code.co_name}"] += 1


if "BENCHMARK_PROFILE" in os.environ:
    signal.signal(signal.SIGPROF, _sample)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS, _SECONDS)
