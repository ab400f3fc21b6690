"""What the guide to plans says to type limits a customer, as it says."""

from pathlib import Path

import pytest

from tests.docs.guides.pages import blocks, file_of
from tests.docs.guides.terminal import Terminal
from tests.support.server import RunningServer, issue

pytestmark = [
    pytest.mark.slow("runs the commands of the docs"),
    pytest.mark.needs("jq"),
    pytest.mark.storeless("what the commands of a page show"),
]

PAGE = "sell-an-api.md"


def test_each_command_shows_what_the_page_shows(latchkey: RunningServer, tmp_path: Path) -> None:
    root = str(issue(latchkey, "--label", "root", "--scope", "*")["credential"])
    terminal = Terminal(tmp_path, latchkey, {"8000": latchkey.port}, variables={"ROOT": root})
    terminal.write("team.json", file_of(PAGE, "team.json"))
    for block in blocks(PAGE):
        terminal.follow(block)
