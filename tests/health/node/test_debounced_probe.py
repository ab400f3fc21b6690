import pytest

from health.node.debounced_probe import DebouncedProbe


@pytest.mark.parametrize(
    ("results", "changes"),
    [
        ("+++", "..."),
        ("-", "."),
        ("-+-+-", "....."),
        ("--", ".!"),
        ("----", ".!.."),
        ("--+-+-", ".!...."),
        ("--++", ".!.!"),
        ("--++-+--", ".!.!...!"),
    ],
)
def test_two_probes_in_a_row_change_the_state(results: str, changes: str) -> None:
    probe = DebouncedProbe()
    seen = [probe.record(result == "+", at) for at, result in enumerate(results)]
    assert "".join("!" if changed else "." for changed in seen) == changes


def test_outage_begins_with_first_failed_probe() -> None:
    probe = DebouncedProbe()
    for at, responds in ((1.0, False), (2.0, True), (3.0, False), (4.0, False), (5.0, False)):
        probe.record(responds, at)
    assert probe.down_since == 3.0


def test_contradicting_probe_is_unconfirmed() -> None:
    probe, is_unconfirmed = DebouncedProbe(), []
    for at, responds in enumerate((True, False, False, True, True)):
        probe.record(responds, at)
        is_unconfirmed.append(probe.is_unconfirmed)
    assert is_unconfirmed == [False, True, False, True, False]
