"""Every integration, of Python, of Node.js and of Go: the cases run against all of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import pytest

from tests.clients.go import apps as go
from tests.clients.marks import OF_GO, OF_NODE
from tests.clients.node import apps as node
from tests.latchkey.integrations.apps import INTEGRATIONS as OF_PYTHON
from tests.latchkey.integrations.apps import Call, Options

Integration = Callable[[Options], AbstractContextManager[Call]]

INTEGRATIONS: Final[dict[str, Integration]] = {**OF_PYTHON, **node.INTEGRATIONS, **go.INTEGRATIONS}
_OF_NODE: Final = [pytest.param(name, marks=OF_NODE) for name in node.INTEGRATIONS]
_OF_GO: Final = [pytest.param(name, marks=OF_GO) for name in go.INTEGRATIONS]
NAMES: Final = [*OF_PYTHON, *_OF_NODE, *_OF_GO]
ONE_OF_EACH: Final = ["wsgi", _OF_NODE[0], _OF_GO[0]]
"""One for each language, for what the integrations of a language have in common."""
