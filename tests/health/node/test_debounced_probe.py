import pytest

from health.node.debounced_probe import DebouncedProbe


@pytest.mark.parametrize(
    ("looks", "changes"),
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
def test_two_looks_in_a_row_change_it(looks: str, changes: str) -> None:
    probe = DebouncedProbe()
    seen = [probe.record(look == "+", at) for at, look in enumerate(looks)]
    assert "".join("!" if changed else "." for changed in seen) == changes


def test_an_outage_began_with_the_first_look_that_saw_it() -> None:
    probe = DebouncedProbe()
    for at, responds in ((1.0, False), (2.0, True), (3.0, False), (4.0, False), (5.0, False)):
        probe.record(responds, at)
    assert probe.down_since == 3.0


def test_a_look_that_says_otherwise_is_to_be_confirmed() -> None:
    probe, is_unconfirmed = DebouncedProbe(), []
    for at, responds in enumerate((True, False, False, True, True)):
        probe.record(responds, at)
        is_unconfirmed.append(probe.is_unconfirmed)
    assert is_unconfirmed == [False, True, False, True, False]
