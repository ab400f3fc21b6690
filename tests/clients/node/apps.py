"""The apps of `programs/services.ts`, served by one process of Node.js, as tests/latchkey/integrations/ calls them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from tests.clients.node import tools
from tests.clients.program import Call, Program, calls

FRAMEWORKS: Final = ("express", "fastify", "hono")
_LONG_NAMES: Final = {"timeout": "timeoutSeconds"}
NODE: Final = Program(lambda: ["node", str(tools.build() / "apps.js")])


@contextmanager
def node_app(framework: str, options: Mapping[str, Any]) -> Iterator[Call]:
    """Calls the app of one framework."""
    with calls(NODE, framework, in_camel_case(options)) as call:
        yield call


def in_camel_case(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings by their names in TypeScript."""

    def renamed(name: str) -> str:
        first, *others = name.split("_")
        return _LONG_NAMES.get(name) or first + "".join(map(str.capitalize, others))

    return {renamed(name): value for name, value in options.items()}


INTEGRATIONS: Final = {framework: partial(node_app, framework) for framework in FRAMEWORKS}
