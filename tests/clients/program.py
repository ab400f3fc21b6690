"""Programs in other languages that serve apps and call functions of a client, as the lines of their input say."""

import json
import logging
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

import httpx

_LOG: Final = logging.getLogger("latchkey.integrations")

Call = Callable[[str, Mapping[str, str]], httpx.Response]


class ProgramError(Exception):
    """An error of the program. The message begins with its name."""


class Program:
    """Process of a program. It starts with the first command. `command` builds the program, and returns how to start
    it.
    """

    def __init__(self, command: Callable[[], Sequence[str]]) -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        # Tests send requests from several threads, and what the app logged is asked for after each.
        self._lock = Lock()

    def send(self, **command: object) -> Any:
        """Return the answer to a command. Raises ProgramError."""
        with self._lock:
            answer = self._answer(json.dumps(command))
        if "error" in answer:
            raise ProgramError(f"{answer['error']}: {answer['message']}")
        return answer

    def _answer(self, line: str) -> Any:
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._command(), stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def call(self, function: str, *given: object) -> Any:
        """Return what a function of the client returns. Raises ProgramError."""
        return self.send(call=function, given=given)["value"]

    @contextmanager
    def app(self, framework: str, options: Mapping[str, Any]) -> Iterator[httpx.Client]:
        """A client of the app in one framework. What the app logs goes to Python's log, which tests look into."""
        port = self.send(start=framework, options=options)["port"]

        def log(_response: httpx.Response) -> None:
            for level, message in self.send(log=port)["lines"]:
                _LOG.log(logging.getLevelNamesMapping()[level], "%s", message)

        hooks = {"response": [log]}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, event_hooks=hooks) as client:
            yield client
        self.send(stop=port)

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.communicate(timeout=10)


@contextmanager
def calls(program: Program, framework: str, options: Mapping[str, Any]) -> Iterator[Call]:
    """Calls the app of one framework, as tests/latchkey/integrations/ does."""
    with program.app(framework, options) as client:
        yield lambda path, fields: client.get(path, headers=fields)
