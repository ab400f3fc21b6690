"""The app of `programs/apps`, served by one process, as tests/latchkey/integrations/ calls it."""

from functools import partial
from typing import Final

from tests.clients.go import tools
from tests.clients.program import Program, calls

GO: Final = Program(lambda: [str(tools.build())])
INTEGRATIONS: Final = {"go": partial(calls, GO, "go")}
