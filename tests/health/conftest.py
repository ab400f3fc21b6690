"""What the tests of health share."""

from collections.abc import Iterator

import pytest

from health.evaluation_queries import clear_templates


@pytest.fixture(autouse=True)
def own_templates() -> Iterator[None]:
    """Tests replace parts of guard rails: what was made of those is no template for others."""
    clear_templates()
    yield
    clear_templates()
