"""Fixtures of the image's tests: the image IMAGE as it is, or one of this checkout."""

import os
from collections.abc import Iterator

import pytest

from deploy.image.engine import engine
from tests.release.image.building import built
from tests.release.image.container import Start, containers
from tests.release.image.image import Image, opened


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image under test."""
    with opened(engine(), os.environ.get("IMAGE") or built(tmp_path_factory)) as found:
        yield found


@pytest.fixture
def start(image: Image) -> Iterator[Start]:
    """Starts containers of the image, for one test."""
    with containers(image.engine, image.name) as starts:
        yield starts
