"""Fixtures for the tests of health."""

from collections.abc import Iterator

import pytest

from health.evaluation_queries import clear_templates


@pytest.fixture(autouse=True)
def own_templates() -> Iterator[None]:
    """Clear the templates, because tests replace parts of guard rails."""
    clear_templates()
    yield
    clear_templates()
