"""The check of the language finds what it has to find, and nothing in code."""

import pytest

from tests.docs.language import PHRASES, errors

DOCS = "If you, for example, write this, your reader understands it. " * 20
CODE = "# Why.\nx = 1\n"
CLEAN = {"README.md": DOCS, "apikeys/a.py": CODE}


def found(path: str, text: str) -> list[str]:
    """The errors of a file in a tree that has no others, without the reasons."""
    return [error.rpartition(": ")[0] for error in errors({**CLEAN, path: text})]


def test_a_clean_tree_has_no_error() -> None:
    assert errors(CLEAN) == []


@pytest.mark.parametrize("phrase", [phrase for words in PHRASES for phrase in words.split("|")])
def test_phrase_is_an_error_with_its_reason(phrase: str) -> None:
    [error] = errors({**CLEAN, "docs/a.md": f"One line.\nThis has {phrase.capitalize()} in it."})
    assert error.startswith(f"docs/a.md:2: {phrase}: ")
    assert error.endswith(PHRASES[next(words for words in PHRASES if phrase in words.split("|"))])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("docs/a.md", "It lasts for\never."),
        ("templates/a.html", "<p>\n{# for ever #}</p>"),
        ("deploy/a.yml", "# It lasts for\n# ever.\na: 1"),
        ("apikeys/b.py", '\n"""For ever."""'),
        ("apikeys/b.py", '\nraise E("It lasts for " "ever.")'),
        ("apikeys/b.py", '\nraise E(f"{key} lasts for ever.")'),
        ("apikeys/b.py", "x = 1\ny = 1  # for ever"),
        ("tests/a.py", '\ndef f():\n    """For ever."""'),
    ],
)
def test_phrase_is_found_in_each_kind_of_text(path: str, text: str) -> None:
    [error] = found(path, text)
    assert error.startswith(f"{path}:")
    assert error.endswith(": for ever")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("docs/a.md", "Run `anew for ever`.\n\n```\nmend\n```\n[A page](mend/anew.md), --for-ever, recommend"),
        ("apikeys/b.py", 'def mend(nobody: str) -> None:\n    """Repair `mend`."""\n    # See `anew`.\n'),
        ("apikeys/b.py", 'context = {"breaches": found}'),
        ("templates/a.html", "{% for rail in breaches %}{{ rail.breach }}{% endfor %}"),
        ("tests/a.py", 'planted = "for ever"'),
    ],
)
def test_code_is_left_out(path: str, text: str) -> None:
    assert found(path, text) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (DOCS + "Where it is. " * 2, "docs: where: "),
        (DOCS + "It tells this, and told that.", "docs: tell|tells|told|telling: "),
        (DOCS + "All at once.", "docs: at once: "),
        ("It works. " * 100, "docs: if: 0.0 in 10,000 words, not 25 to 10000"),
    ],
)
def test_counts_of_docs_have_bounds(text: str, error: str) -> None:
    assert any(line.startswith(error) for line in errors({**CLEAN, "README.md": text}))


def test_counts_leave_code_out() -> None:
    assert found("docs/a.md", "`keys --at-once where else`") == []


def test_code_needs_comments_on_lines_of_their_own() -> None:
    [error] = errors({**CLEAN, "apikeys/a.py": "x = 1  # not on its own\n" * 100})
    assert error.startswith("code: 0.0 own-line comments in 1,000 lines, not 15: ")
    assert errors({**CLEAN, "tests/a.py": "x = 1\n" * 100}) == []
