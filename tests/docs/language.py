"""`python -m tests.docs.language`: reject phrases that readers have to look up, and count words that hide the meaning.

Phrases are errors in docs, templates, configuration, comments, docstrings and the messages of the code. Counts are for
the docs alone. Code is left out: what stands in backticks, and names such as `--at-once`.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PHRASES: Final = {
    "anew": 'archaic; write "again"',
    "whoever|whomever": 'archaic; write "anyone who", or name the role: "a client that"',
    "for ever": 'write "permanently", or "never expires"',
    "mend|mends|mended|mending": 'archaic; write "fix"',
    "ebb|ebbs|ebbed": 'poetic; write "decrease"',
    "nobody": 'write "no one", or name the role: "no client"',
    "from afar": 'poetic; write "remotely"',
    "by itself": 'ambiguous; write "automatically", or "alone"',
    "so long as": 'write "as long as", or "if"',
    "beside": 'write "next to", or "compared with"',
    "judge|judges|judged|judging": 'software does not judge; write "check", "evaluate" or "decide"',
    "breach|breaches|breached": 'sounds like a break-in; write "violation"',
    "what must not be": 'a riddle; write "a problem", or "a violation" of a guard rail',
}
# Words that are sometimes right: at least and at most so many in 10,000 words of the docs.
COUNTS: Final = {
    "where": (0, 12, 'write "if" for a condition'),
    "if": (25, 10_000, "a condition starts with it"),
    "tell|tells|told|telling": (0, 3, 'software does not speak; write "report", "show" or "return"'),
    "at once": (0, 2, 'ambiguous; write "immediately", or "at the same time"'),
    "else": (0, 5, 'write "otherwise"'),
    "you|your|yours": (50, 10_000, "address the reader"),
    "for example": (5, 10_000, "show what a rule means"),
}
LEAST_COMMENTS: Final = 15  # on lines of their own, in 1,000 lines; well-commented projects have 32 to 67

_LIST_FILES: Final = (
    "git ls-files -co --exclude-standard *.py *.md *.html *.js *.css *.y*ml *.conf *.service"
    " Makefile Dockerfile *Caddyfile .env.example .ci/* :!*/migrations/*"
)
# Only docstrings and comments are read: users see no message of these, and a test may plant a phrase.
_NOT_SHIPPED: Final = ("tests/", "benchmarks/")
_SPACE: Final = r"[\s#\"']+"  # also between the comments and the literals that a text is split into
_TAGS: Final = r"\{\{.*?\}\}|\{% (?:for|if|elif) .*?%\}"
_CODE: Final = re.compile(r"(?ms)^ *```.*?^ *```$|`[^`]*`|<!--.*?-->|\]\([^)]*\)|https?://\S+|" + _TAGS)


def pattern(words: str) -> re.Pattern[str]:
    """Match any of the words, also across the end of a line, but not inside a name."""
    return re.compile(rf"(?<![\w-])(?:{words.replace(' ', _SPACE)})(?![\w-])", re.IGNORECASE)


_REASONS: Final = {phrase: why for words, why in PHRASES.items() for phrase in words.split("|")}
_WRONG: Final = pattern("|".join(PHRASES))


def prose(text: str) -> str:
    """Remove code, but keep the line breaks in it."""
    return _CODE.sub(lambda code: " " + "\n" * code[0].count("\n"), text)


def texts(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that people read, each with the number of its first line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        text = node if not path.startswith(_NOT_SHIPPED) else node.value if isinstance(node, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value:
            yield text.lineno, text.value


def wrong_phrases(path: str, source: str) -> Iterator[str]:
    """Yield place, phrase and reason of each phrase that is always wrong."""
    # Few modules have one, and parsing takes ten times as long.
    if not _WRONG.search(source):
        return
    for first, text in texts(path, source) if path.endswith(".py") else [(1, source)]:
        read = prose(text)
        for found in _WRONG.finditer(read):
            phrase = re.sub(_SPACE, " ", found[0].lower())
            line = first + read.count("\n", 0, found.start())
            yield f"{path}:{line}: {phrase}: {_REASONS[phrase]}"


def wrong_counts(files: Mapping[str, str]) -> Iterator[str]:
    """Yield each count that is out of its bounds."""
    docs = prose("\n".join(text for path, text in files.items() if path.endswith(".md")))
    total = len(re.findall(r"\b[a-z]", docs, re.IGNORECASE))
    for words, (least, most, why) in COUNTS.items():
        rate = len(pattern(words).findall(docs)) * 10_000 / total
        if not least <= rate <= most:
            yield f"docs: {words}: {rate:.1f} in 10,000 words, not {least} to {most}: {why}"
    code = "".join(text for path, text in files.items() if path.endswith(".py") and not path.startswith(_NOT_SHIPPED))
    rate = len(re.findall(r"^ *#", code, re.MULTILINE)) * 1_000 / code.count("\n")
    if rate < LEAST_COMMENTS:
        yield f"code: {rate:.1f} own-line comments in 1,000 lines, not {LEAST_COMMENTS}: say why, above the line"


def errors(files: Mapping[str, str]) -> list[str]:
    """Check the contents of files, by path."""
    return [error for path, source in files.items() for error in wrong_phrases(path, source)] + [*wrong_counts(files)]


def tree() -> dict[str, str]:
    """Read the files of the repository that have texts for people, without migrations, which are never edited."""
    listed = subprocess.check_output(_LIST_FILES.split(), cwd=ROOT, text=True)
    return {path: (ROOT / path).read_text() for path in listed.splitlines() if (ROOT / path).is_file()}


if __name__ == "__main__":
    sys.exit("\n".join(errors(tree())) or 0)
