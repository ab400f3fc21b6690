"""The apps of `programs/services.ts`, served by one process of Node.js, as tests/latchkey/integrations/ calls them."""

import json
import logging
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import httpx

from tests.clients.node import tools

FRAMEWORKS: Final = ("express", "fastify", "hono")
_LOG: Final = logging.getLogger("latchkey.integrations")
_LONG_NAMES: Final = {"timeout": "timeoutSeconds"}

Call = Callable[[str, Mapping[str, str]], httpx.Response]


class NodeError(Exception):
    """An error that Node.js threw. The message begins with its name."""


class NodeProcess:
    """Process that serves apps, and calls functions of the package. It starts with the first command."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def send(self, **command: object) -> Any:
        """Return the answer to a command. Raises NodeError."""
        if self._process is None:
            program = ["node", str(tools.build() / "apps.js")]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise NodeError(f"{answer['error']}: {answer['message']}")
        return answer

    def call(self, function: str, *given: object) -> Any:
        """Return what a function in `programs/internals.ts` returns. Raises NodeError."""
        return self.send(call=function, given=given)["value"]

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.communicate(timeout=10)


NODE: Final = NodeProcess()


@contextmanager
def node_app(framework: str, options: Mapping[str, Any]) -> Iterator[Call]:
    """Calls the app of one framework. What it logs goes to Python's log, which tests look into."""
    port = NODE.send(start=framework, options=in_camel_case(options))["port"]

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:

        def call(path: str, fields: Mapping[str, str]) -> httpx.Response:
            response = client.get(path, headers=fields)
            for level, message in NODE.send(log=port)["lines"]:
                _LOG.log(logging.getLevelNamesMapping()[level], "%s", message)
            return response

        yield call
    NODE.send(stop=port)


def in_camel_case(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings by their names in TypeScript."""

    def renamed(name: str) -> str:
        first, *others = name.split("_")
        return _LONG_NAMES.get(name) or first + "".join(map(str.capitalize, others))

    return {renamed(name): value for name, value in options.items()}


INTEGRATIONS: Final = {framework: partial(node_app, framework) for framework in FRAMEWORKS}
