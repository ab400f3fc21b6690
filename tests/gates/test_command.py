import pytest

from gates.command import main
from gates.source import SOURCE_GATES
from gates.tree import NoAnswer
from gates.verdict import Gate, Verdict, judged, unavailable


def gate(name: str, verdict: Verdict) -> Gate:
    return Gate(name, f"the claim of {name}", lambda: verdict)


def silent() -> Verdict:
    raise NoAnswer("the tool is not there")


GOOD = gate("good", judged([], "all is well"))
BAD = gate("bad", judged(["here:1: a fault", "there:2: another"], "all is well"))
UNKNOWN = gate("unknown", unavailable("no service answers"))
SILENT = Gate("silent", "never judged", silent)
ALL = (GOOD, BAD, UNKNOWN, SILENT)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["good"], 0),
        (["bad"], 1),
        (["good", "bad"], 1),
        (["unknown"], 0),
        (["unknown", "--all-required"], 1),
        (["silent"], 0),
        (["silent", "--all-required"], 1),
        (["good", "--all-required"], 0),
        ([], 1),
    ],
    ids=str,
)
def test_exit(arguments: list[str], code: int) -> None:
    assert main("gates", ALL, arguments) == code


def test_what_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    main("gates", ALL, [])
    out = capsys.readouterr().out
    assert "all is well" in out.splitlines()[0]
    assert "2 against: the claim of bad" in out
    assert [line.strip() for line in out.splitlines()[2:4]] == ["here:1: a fault", "there:2: another"]
    assert "the tool is not there" in out
    assert out.splitlines()[-1] == "1 passed, 1 failed, 2 unavailable"


@pytest.mark.parametrize("arguments", [["nothing"], ["good", "nothing"], ["--wrong"]], ids=" ".join)
def test_wrong_arguments_are_answered_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main("gates", ALL, arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert arguments[-1] in err


def test_an_unknown_name_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main("gates", ALL, ["nothing"])
    assert capsys.readouterr().err == "gates: no gate is named nothing; there are good, bad, unknown, silent\n"


def test_list_runs_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("gates", ALL, ["--list"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "bad      the claim of bad"


def test_names_are_distinct() -> None:
    assert len({it.name for it in SOURCE_GATES}) == len(SOURCE_GATES)
