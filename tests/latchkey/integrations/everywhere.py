"""Every integration, of Python and of Node.js: the cases run against all of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import pytest

from tests.clients.node import apps as node
from tests.latchkey.integrations.apps import INTEGRATIONS as OF_PYTHON
from tests.latchkey.integrations.apps import Call, Options

Integration = Callable[[Options], AbstractContextManager[Call]]

INTEGRATIONS: Final[dict[str, Integration]] = {**OF_PYTHON, **node.INTEGRATIONS}
_MARKS: Final = (pytest.mark.slow("installs and builds the package of Node.js"), pytest.mark.needs("node-packages"))
_OF_NODE: Final = [pytest.param(name, marks=_MARKS) for name in node.INTEGRATIONS]
NAMES: Final = [*OF_PYTHON, *_OF_NODE]
ONE_OF_EACH: Final = ["wsgi", _OF_NODE[0]]
"""One for each language, for what the integrations of a language have in common."""
