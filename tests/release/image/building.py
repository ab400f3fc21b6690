"""The image of this checkout, for tests that need one."""

import pytest

from deploy.image.build import IMAGE, build, is_current
from deploy.image.engine import engine
from tests.support.once import once


def built(factory: pytest.TempPathFactory) -> str:
    """Return the name of the image. Build it once per run of the suite, unless it is up to date."""
    once(factory, "image", lambda _: is_current(engine(), IMAGE) or build(engine()))
    return IMAGE
