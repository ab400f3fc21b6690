"""A section to show and to write down."""

from benchmarks.condition import Condition
from benchmarks.section import Section
from benchmarks.series import Series


def section(*, bound: float = 0.5) -> Section:
    """Ours at half of the peer's, and one condition on that."""
    ours, peer = Series("ours", (1.5, 1.0, 2.0)), Series("peer", (3.0, 2.0, 1234.0))
    condition = Condition("ours over peer", 0.5, "<=", bound)
    return Section("decision", "A decision", "µs", "peer", (ours, peer), (condition,))
