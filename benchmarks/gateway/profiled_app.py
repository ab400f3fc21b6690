"""Profiled version of `benchmarks.gateway.app`: samples the worker's CPU time, and returns the samples at /profile."""

import json
import signal
import sysconfig
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

from benchmarks import paths
from benchmarks.gateway.app import application as measured
from benchmarks.peer_environment import ROOT
from httpserver.asgi_types import Receive, Scope, Send

_ROOTS: Final = (*(Path(sysconfig.get_path(kind)) for kind in ("purelib", "stdlib")), ROOT)
_SECONDS: Final = 0.001
_noted: Final[Counter[str]] = Counter()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to the profile path with the samples as JSON and reset them; pass every other request on."""
    if scope["type"] != "http" or scope["path"] != paths.PROFILE:
        await measured(scope, receive, send)
        return
    body = json.dumps(_noted).encode()
    _noted.clear()
    fields = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


def _note(_number: int, frame: FrameType | None) -> None:
    """Count a sample for the innermost Python function, which includes the C functions that it calls."""
    if frame is not None:
        path = Path(frame.f_code.co_filename)
        root = next((root for root in _ROOTS if path.is_relative_to(root)), path.parent)
        _noted[f"{path.relative_to(root)}:{frame.f_code.co_name}"] += 1


# ITIMER_PROF counts CPU time, so an idle worker takes no samples.
signal.signal(signal.SIGPROF, _note)
signal.setitimer(signal.ITIMER_PROF, _SECONDS, _SECONDS)
