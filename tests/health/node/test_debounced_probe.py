import pytest

from health.node.debounced_probe import Pulse


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
    pulse = Pulse()
    seen = [pulse.saw(look == "+", at) for at, look in enumerate(looks)]
    assert "".join("!" if changed else "." for changed in seen) == changes


def test_an_outage_began_with_the_first_look_that_saw_it() -> None:
    pulse = Pulse()
    for at, answers in ((1.0, False), (2.0, True), (3.0, False), (4.0, False), (5.0, False)):
        pulse.saw(answers, at)
    assert pulse.out_since == 3.0


def test_a_look_that_says_otherwise_is_to_be_confirmed() -> None:
    pulse, doubtful = Pulse(), []
    for at, answers in enumerate((True, False, False, True, True)):
        pulse.saw(answers, at)
        doubtful.append(pulse.doubtful)
    assert doubtful == [False, True, False, True, False]
