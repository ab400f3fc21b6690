"""How long the image takes to start. `make image-check` measures it; next to other tests the result means nothing."""

import os

import pytest

from tests.release.image.container import Start

pytestmark = [
    pytest.mark.needs("images"),
    pytest.mark.slow("builds and runs container images"),
    pytest.mark.skipif("PYTEST_XDIST_WORKER" in os.environ, reason="measured alone: make image-check"),
]

COLD_START_SECONDS = 5.0


def test_start_time(start: Start) -> None:
    """The first start also reads files from the disk, so a second one counts if it is faster."""
    fastest = start().await_health()
    if fastest > COLD_START_SECONDS:
        fastest = min(fastest, start().await_health())
    assert fastest <= COLD_START_SECONDS
