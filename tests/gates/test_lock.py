import re
from pathlib import Path

import pytest

from gates import lock
from gates.tree import ROOT, NoAnswer
from tests.gates.planting import copied, plant

NOWHERE = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_NO_CACHE": "1", "UV_HTTP_RETRIES": "0", "UV_INDEX": ""}
FIRST_HASHES = re.compile(r"^(\S+==\S+) \\\n(?:    --hash=\S+(?: \\)?\n)+", re.MULTILINE)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copied(tmp_path, "pyproject.toml", lock.SERVER, lock.DEVELOPMENT, lock.OPENAPI)


def in_step(root: Path) -> list[str]:
    """What the real tool says, where an index answers."""
    try:
        return lock.out_of_step(root)
    except NoAnswer as error:
        pytest.skip(f"no index: {error}")


def test_the_locks_as_they_are_written() -> None:
    assert list(lock.written_wrong(ROOT)) == []


def test_this_tree_is_in_step() -> None:
    assert in_step(ROOT) == []


@pytest.mark.parametrize("name", [lock.SERVER, lock.DEVELOPMENT, lock.OPENAPI])
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--index-url https://packages.example.com/simple", "names an address: --index-url"),
        ("--extra-index-url=file:///packages", "names an address: --extra-index-url=file:///packages"),
        ("--find-links /packages", "names an address: --find-links"),
        ("-i packages", "names an address: -i"),
        ("thing @ git+https://example.com/thing.git", "names an address: thing"),
        ("-r other.txt", "has an option of its own: -r"),
        ("--requirement=other.txt", "has an option of its own: --requirement=other.txt"),
        ("-c other.txt", "has an option of its own: -c"),
        ("-e .", "has an option of its own: -e"),
        ("--pre", "has an option of its own: --pre"),
        ("thing", "thing does not name one version"),
        ("thing>=1", "thing>=1 does not name one version"),
        ("thing==1.0", "thing 1.0 has no hash"),
        ("./thing", "./thing is no requirement"),
    ],
)
def test_planted_line(tree: Path, name: str, line: str, told: str) -> None:
    with (tree / name).open("a") as file:
        file.write(f"{line}\n")
    assert f"{name}: {told}" in list(lock.written_wrong(tree))


def test_hashes_taken_away(tree: Path) -> None:
    text = (tree / lock.SERVER).read_text()
    (tree / lock.SERVER).write_text(FIRST_HASHES.sub(r"\1\n", text, count=1))
    (found,) = lock.written_wrong(tree)
    assert found.endswith("has no hash")


def test_a_dependency_that_no_lock_has(tree: Path) -> None:
    plant(tree / "pyproject.toml", 'dependencies = ["httpx', 'dependencies = ["nothing-known>=1", "httpx')
    assert list(lock.written_wrong(tree)) == [
        f"{name}: nothing-known>=1 is not satisfied: it is missing" for name in (lock.SERVER, lock.DEVELOPMENT)
    ]


def test_a_demand_that_the_lock_does_not_meet(tree: Path) -> None:
    plant(tree / "pyproject.toml", '"uvicorn>=0.38"', '"uvicorn>=1000"')
    assert [it.partition(" is not satisfied")[0] for it in lock.written_wrong(tree)] == [
        f"{name}: uvicorn>=1000" for name in (lock.SERVER, lock.DEVELOPMENT)
    ]


@pytest.mark.slow("runs release tools")
def test_what_only_compiling_again_finds(tree: Path) -> None:
    """A package that nothing needs any more, one that another needs, and a hash that no index knows. A file without a
    hash, as one that came to the index later, is no fault.
    """
    plant(tree / "pyproject.toml", '    "segno>=1.6",\n', "")
    assert list(lock.written_wrong(tree)) == []
    text = (tree / lock.SERVER).read_text()
    text = re.sub(r"^h11==(?:.*\\\n)+.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r" \\\n    --hash=\S+\n", "\n", text, count=1)
    true = re.findall(r"--hash=sha256:(\w+)", text)[7]
    wrong = ("0" if true[0] == "1" else "1") + true[1:]
    (tree / lock.SERVER).write_text(text.replace(true, wrong))
    told = in_step(tree)
    expected = [
        rf"{lock.SERVER}: has segno==\S+, which is not wanted so",
        rf"{lock.DEVELOPMENT}: has segno==\S+, which is not wanted so",
        rf"{lock.SERVER}: lacks h11==",
        rf"{lock.SERVER}: no index knows hash=sha256:{wrong} of ",
    ]
    assert len(told) == len(expected), told
    assert all(any(re.match(pattern, it) for it in told) for pattern in expected), told


@pytest.mark.slow("runs release tools")
def test_a_demand_that_nothing_meets(tree: Path) -> None:
    plant(tree / "pyproject.toml", '"uvicorn>=0.38"', '"uvicorn>=1000"')
    (told,) = in_step(tree)
    assert "No solution found" in told


def test_without_an_index_nothing_is_known(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NoAnswer, match=r"^uv: error"):
        lock.findings(tree)


def test_one_place_has_the_command_line() -> None:
    assert "compile --" not in (ROOT / "Makefile").read_text()
    assert "-m gates.lock" in (ROOT / "Makefile").read_text()
