"""A connection without a socket: the protocol on a loop whose clock the test moves."""

from collections.abc import Callable
from typing import Any

from uvicorn.config import Config

from httpserver.draining import DrainingState
from httpserver.fast_path_protocol import FastPathProtocol

DATE = b"Sat, 21 Nov 2026 12:00:00 GMT"


class Nothing:
    """A timer or a task that nobody looks at."""

    def cancel(self) -> None:
        """The protocol does not need it any more."""

    def add_done_callback(self, callback: Any) -> None:
        """It is never done."""

    def __hash__(self) -> int:
        return id(self)


class Loop:
    """As much of an event loop as the protocol asks for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.tasks = 0

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: Any) -> "Nothing":
        self.timers.append((self.now + delay, lambda: callback(*arguments)))
        return Nothing()

    def create_task(self, coroutine: Any) -> Any:
        self.tasks += 1
        coroutine.close()
        return Nothing()

    def move(self, seconds: float) -> None:
        """Moves the clock on, calling what falls due on the way."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= end]:
            timer = min(due, key=lambda timer: timer[0])
            self.timers.remove(timer)
            self.now = timer[0]
            timer[1]()
        self.now = end


class Transport:
    """Remembers what was written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.aborted = False
        self.reading = True
        self.unsent = 0

    def set_write_buffer_limits(self, high: int) -> None:
        """A test pauses the protocol itself."""

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: bytes) -> None:
        self.written += data

    def write_eof(self) -> None:
        """The protocol is done talking."""

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _: str, default: Any = None) -> Any:
        return default


Connection = tuple[FastPathProtocol, Transport, Loop]


def connect(state: DrainingState | None = None) -> Connection:
    """A connection that was just made, to a server of its own or one of this `state`."""
    config = Config(
        app=lambda *_: None, http=FastPathProtocol, log_config=None, ws="none", lifespan="off", proxy_headers=False
    )
    config.load()
    state = state or DrainingState()
    state.default_headers = [(b"date", DATE)]
    loop, transport = Loop(), Transport()
    protocol = FastPathProtocol(config, state, {}, loop)  # type: ignore[arg-type]
    protocol.connection_made(transport)  # type: ignore[arg-type]
    return protocol, transport, loop
