"""What is refused before anything is sent: the command as a function, as no server has a part in it."""

import pytest

from latchkey.cli.main import main
from latchkey.cli.options import in_front


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("keys", "show", "../whoami"), "a key id is lk_"),
        (("keys", "update", "lk_000000000000"), "Nothing to change"),
        (("keys", "create", "--label", "x", "--burst", "5"), "--burst and --per-seconds, both"),
        (("keys", "create", "--label", "x", "--metadata", "[]"), "it is a JSON object"),
        (("keys", "rotate", "lk_000000000000", "--grace", "soon"), "as in 90d"),
        (("keys", "rotate", "lk_000000000000", "--wait", "--at-once"), "leaves nothing to --wait for"),
        (("--request-id", "a b", "whoami"), "a request id is"),
        (("--url", "ftp://example.com", "whoami"), "http:// or https://"),
        (("--url", "https://name:word@example.com", "whoami"), "a key never stands in a URL"),
        (("nothing",), "No such command"),
        (("keys",), "finish-rotation"),
        (("--timeout", "0", "whoami"), "--timeout"),
    ],
)
def test_typed_wrong(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert (shown.out, told in shown.err) == ("", True)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["a", "--format", "json", "b"], ["--format", "json", "a", "b"]),
        (["a", "--format=json", "--verbose"], ["--format=json", "--verbose", "a"]),
        (["a", "--", "--format", "json"], ["a", "--", "--format", "json"]),
        (["keys", "rotate", "--wait"], ["keys", "rotate", "--wait"]),
        (["a", "--format"], ["--format", "a"]),
        ([], []),
    ],
)
def test_general_options_are_put_in_front(typed: list[str], read: list[str]) -> None:
    assert in_front(typed) == read
