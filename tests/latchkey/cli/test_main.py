"""What is refused before anything is sent: the command as a function, as no server has a part in it."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from latchkey.cli.app import app
from latchkey.cli.error_messages import error_message
from latchkey.cli.main import main
from latchkey.cli.options import move_general_options_first
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("keys", "show", "../whoami"), "a key ID must be lk_"),
        (("keys", "update", "lk_000000000000"), "Nothing to change"),
        (("keys", "create", "--label", "x", "--burst", "5"), "--burst and --per-seconds together"),
        (("keys", "create", "--label", "x", "--metadata", "[]"), "must be a JSON object"),
        (("keys", "rotate", "lk_000000000000", "--grace", "soon"), "such as 90d"),
        (("keys", "rotate", "lk_000000000000", "--wait", "--at-once"), "so --wait can't be used"),
        (("keys", "rotate", "lk_000000000000", "--even-if-unused"), "needs --wait"),
        (("--request-id", "a b", "whoami"), "a request ID must be"),
        (("--url", "ftp://example.com", "whoami"), "http:// or https://"),
        (("--url", "https://name:word@example.com", "whoami"), "never put a key into a URL"),
        (("nothing",), "No such command"),
        (("keys",), "finish-rotation"),
        (("--timeout", "0", "whoami"), "must be 0.01 or more"),
        (("--timeout", "inf", "whoami"), "must be 86400 or less"),
        (("keys", "list", "--limit", "x"), "must be a whole number"),
        (("keys", "list", "--state", "nope"), "'nope' is not one of 'active', 'disabled'"),
        (("keys", "list", "--limit"), "'latchkey --help'"),
        (("keys", "create", "--label", "\udcff"), "It is not UTF-8."),
        (("keys", "create", "--label", "x", "--metadata", '{"a": NaN}'), "must be a JSON object"),
        (("--url", "http://a..b", "whoami"), "http:// or https:// and a host"),
        (("--url", "http://\N{SNOWMAN}.example", "whoami"), "http:// or https:// and a host"),
        (("--url", "http://xn--", "whoami"), "http:// or https:// and a host"),
    ],
)
def test_typed_wrong(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert (shown.out, expected in shown.err) == ("", True)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["a", "--format", "json", "b"], ["--format", "json", "a", "b"]),
        (["a", "--format=json", "--verbose"], ["--format=json", "--verbose", "a"]),
        (["a", "-o", "json", "--jq", ".", "b"], ["-o", "json", "--jq", ".", "a", "b"]),
        (["a", "-ojson", "--columns=x"], ["-ojson", "--columns=x", "a"]),
        (["a", "--", "--format", "json"], ["a", "--", "--format", "json"]),
        (["keys", "rotate", "--wait"], ["keys", "rotate", "--wait"]),
        (["a", "--format"], ["--format", "a"]),
        ([], []),
    ],
)
def test_general_options_are_put_in_front(typed: list[str], read: list[str]) -> None:
    assert move_general_options_first(typed) == read


OF_LIBRARIES = ("Value error", "Input should", "unable to parse", "pydantic", "Traceback", "unexpected error")


def wrongly_typed(command: Any, path: list[str]) -> Iterator[list[str]]:
    """Every parameter of every command with a value that none takes, and what the command requires besides."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from wrongly_typed(child, [*path, name])
        return
    good = {
        "key_id": ["lk_000000000000"],
        "label": ["--label", "x"],
        "url": ["https://example.com"],
        "receiver": ["https://example.com"],
        "webhook_id": ["wh_000000000000"],
        "delivery_id": ["1"],
        "file": ["keys.csv"],
        "waiver_id": ["1"],
        "guard_rail": ["unlimited_key"],
        "reason": ["--reason", "x"],
        "ends_in": ["--ends-in", "1d"],
        "name": ["unlimited_key"],
        "shell": ["bash"],
        "slug": ["acme"],
        "limit": ["monthly"],
        "override_id": ["1"],
        "until": ["--until", "7d"],
        "reservation": ["res_000000000000_0000000000000000000000"],
    }
    for param in command.params:
        if not getattr(param, "is_flag", False):
            others = [text for name, texts in good.items() if name != param.name for text in texts]
            required = [
                text for other in command.params if other.required and other is not param for text in good[other.name]
            ]
            assert set(required) <= set(others)
            wrong = ["nope"] if param.param_type_name == "argument" else [param.opts[0], "nope"]
            yield [*path, *required, *wrong]


def test_usage_errors_hide_library_messages(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATCHKEY_URL", "ftp://nowhere")
    command = typer.main.get_command(app)
    # Each run would build it again, which takes longer than the run.
    monkeypatch.setattr("typer.main.get_command", lambda _app: command)
    tried = 0
    for arguments in wrongly_typed(command, []):
        tried += 1
        assert main(arguments) == 2, arguments
        err = capsys.readouterr().err
        assert [words for words in OF_LIBRARIES if words in err] == [], (arguments, err)
        assert "What to do: " in err
    assert tried > 30


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("keys", "issue"), "'create'"),
        (("keys", "new"), "'create'"),
        (("keys", "delete"), "'revoke'"),
        (("webhooks", "create"), "'add'"),
        (("webhooks", "update"), "'edit'"),
        (("plans", "ls"), "'list'"),
        (("waivers", "create"), "'grant'"),
    ],
)
def test_another_word_for_a_command(capsys: pytest.CaptureFixture[str], typed: tuple[str, ...], meant: str) -> None:
    assert main(typed) == 2
    assert f"No such command '{typed[1]}'. Did you mean {meant}?" in capsys.readouterr().err
    assert main(("keys", "abracadabra")) == 2
    assert "No such command 'abracadabra'.\n" in capsys.readouterr().err


def test_each_fault_is_reported_once() -> None:
    faults = [
        FieldError("/type", "not-a-type", "type is one of KeyIssued."),
        FieldError("/limit", "x", "limit is low."),
    ]
    assert error_message(InvalidParameters.of(faults)).splitlines()[1:3] == [
        "  /type: type is one of KeyIssued.",
        "  /limit: limit is low.",
    ]
    assert len(error_message(InvalidParameters.of(faults)).splitlines()) == 4
