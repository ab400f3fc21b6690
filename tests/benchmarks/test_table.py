"""The table that people read."""

from benchmarks.table import render
from tests.benchmarks.sections import section


def test_render_aligned() -> None:
    assert render(section(), colour=False) == (
        "A decision, µs\n"
        "        median  lowest  highest  x peer\n"
        "  ours    1.50       1        2    0.50\n"
        "  peer       3       2    1,234    1.00\n"
        "  holds  ours over peer: 0.5, wanted <= 0.5"
    )


def test_render_condition_that_fails() -> None:
    assert render(section(bound=0.4), colour=False).endswith("  FAILS  ours over peer: 0.5, wanted <= 0.4")


def test_render_colour_only_where_asked() -> None:
    assert "\x1b" not in render(section(), colour=False)
    assert "\x1b[32mholds\x1b[0m" in render(section(), colour=True)
    assert "\x1b[31mFAILS\x1b[0m" in render(section(bound=0.4), colour=True)
