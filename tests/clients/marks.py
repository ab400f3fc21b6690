"""Why tests of a client in another language are slow, and what they need."""

from typing import Final

import pytest

OF_NODE: Final = (pytest.mark.slow("installs and builds the package of Node.js"), pytest.mark.needs("node-packages"))
OF_GO: Final = (pytest.mark.slow("compiles the module for Go"), pytest.mark.needs("go"))
