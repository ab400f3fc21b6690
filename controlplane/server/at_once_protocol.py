"""The protocol that asks the doors of `AT_ONCE` before it makes a task for the application."""

import asyncio
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from controlplane.server.at_once import AT_ONCE, Head
from controlplane.server.prompt import PromptRequest, Question
from controlplane.server.protocol import BoundedProtocol

MAX_KNOWN_BYTES: Final = 4096

log = structlog.get_logger(__name__)


class AtOnceProtocol(BoundedProtocol):
    """A request without a body for the path of a door is asked there, when its turn in the pipeline comes.

    Clients send the same head again and again. So a connection keeps the bytes of the last one that came whole and
    alone, and what was made of it: where an idle connection brings the same bytes again, the parser would say the same
    again, and need not be asked. This is no second parser, and the two can never read one request differently.
    """

    _known_bytes: bytes | None = None  # these two hold a secret, and are let go with the connection
    _known: Question | None = None
    _heard: Question | None = None

    def data_received(self, data: bytes) -> None:
        idle, known = self.is_idle(), self._known
        if idle and known is not None and data == self._known_bytes:
            self.skip_parser()
            self._begin(PromptRequest(self, known, True))
            return
        before = self._messages
        super().data_received(data)
        alone = idle and self._messages == before + 1 and self.is_between()
        if alone and self._heard is not None and len(data) <= MAX_KNOWN_BYTES:
            self._known_bytes, self._known = data, self._heard

    def connection_lost(self, exc: Exception | None) -> None:
        self._known_bytes = self._known = self._heard = None
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        question = self._question()
        keep_alive = self.parser.should_keep_alive()
        self._heard = question if keep_alive else None
        if question is None:
            super().on_headers_complete()
        else:
            self.head_is_whole()
            self._begin(PromptRequest(self, question, keep_alive))

    def _question(self) -> Question | None:
        """What is asked of which door; None where the request is the application's."""
        path, _, query = self.url.partition(b"?")
        door = AT_ONCE.get(path.decode("latin-1"))
        if door is None or self._announces_body or b"#" in query:
            return None
        if self.parser.get_http_version() != "1.1" or self.parser.should_upgrade():
            return None
        head = Head(self.parser.get_method().decode("ascii"), path.decode("ascii"), query, self.headers)
        asked = door.read(head)
        return None if asked is None else Question(head, door, asked)

    def _begin(self, request: PromptRequest) -> None:
        """As uvicorn does it with a cycle."""
        before, self.cycle = self.cycle, request
        if before is None or before.response_complete:
            self._start_asgi_task(request, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((request, self.app))  # type: ignore[arg-type]

    def _start_asgi_task(self, cycle: RequestResponseCycle | PromptRequest, app: Any) -> None:
        if not isinstance(cycle, PromptRequest):
            super()._start_asgi_task(cycle, app)
            return
        self.is_running(cycle)
        if self.flow.write_paused or not self._is_taken(cycle):
            cycle.pass_on()  # who does not read is for the application, which waits

    def _is_taken(self, request: PromptRequest) -> bool:
        """Whether the door sees to the request."""
        try:
            return request.question.door.ask(request.question.asked, request)
        except Exception:
            log.exception("not_asked_at_once")
            return False

    def start_application(self, request: PromptRequest) -> None:
        """Makes the cycle that uvicorn would have made."""
        cycle = RequestResponseCycle(
            scope=request.scope,  # type: ignore[arg-type]
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=request.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        cycle.message_event.set()
        if self.cycle is request:  # else others have come behind it
            self.cycle = cycle
        super()._start_asgi_task(cycle, self.app)
