"""Each block of a guide is run by a test, or the page says that it isn't."""

import pytest

from tests.docs.guides.pages import UNTESTED, blocks, commands

# The files, steps and messages of each guide that its test uses, by language; blocks of commands are typed.
USED = {
    "protect-ollama-and-vllm.md": [],
    "protect-an-mcp-server.md": [],
    "machines-beside-sso.md": ["nginx"] * 4 + ["caddyfile"],
    "github-actions.md": ["yaml", "", "sh"],
    "sell-an-api.md": ["json"],
    "migrate-from-unkey.md": ["jq"],
    "migrate-from-kong.md": ["jq"],
    "migrate-from-litellm.md": ["jq"],
}


@pytest.mark.parametrize("page", USED)
def test_every_block_is_run_or_marked(page: str) -> None:
    assert [block.language for block in blocks(page) if not (block.untested or commands(block))] == USED[page]


def test_mark_is_that_of_the_paragraph_before_the_block() -> None:
    marked = [block for block in blocks("protect-an-mcp-server.md") if block.untested]
    assert [block.language for block in marked] == ["json"]
    assert UNTESTED in marked[0].before
