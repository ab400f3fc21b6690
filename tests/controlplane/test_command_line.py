"""Exit statuses of manage.py commands, without a traceback if the output is closed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.command_line import execute
from tests.support.commands import MANAGE

PRINT = ("proxy_config", "nginx", "--upstream", "http://127.0.0.1:9000")


def run(output: int, *arguments: str) -> tuple[int, str]:
    """The exit status and standard error of a command that writes to the descriptor `output`."""
    environment = {**os.environ, "DEBUG": "true"}
    ran = subprocess.run(
        [sys.executable, MANAGE, *arguments],
        env=environment,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stderr


def test_unknown_command_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        execute(["manage.py", "isue_key"])
    assert ended.value.code == 2
    assert "Did you mean issue_key?" in capsys.readouterr().err


def test_closed_output_ends_command_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert run(writing, *PRINT) == (0, "")
        status, err = run(writing, *PRINT[:2], "--upstream", "nowhere")
        assert (status, "Traceback" in err) == (2, False), "a refusal stays one"
    finally:
        os.close(writing)


def test_unwritable_output_exits_with_3() -> None:
    with Path("/dev/full").open("w") as full:
        status, err = run(full.fileno(), *PRINT)
    assert (status, err) == (3, "latchkey: the result cannot be written: No space left on device\n")
