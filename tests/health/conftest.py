"""What the tests of health share."""

from collections.abc import Iterator

import pytest

from health.evaluation_queries import forget_templates


@pytest.fixture(autouse=True)
def own_templates() -> Iterator[None]:
    """Tests replace parts of guard rails: what was made of those is no template for others."""
    forget_templates()
    yield
    forget_templates()
