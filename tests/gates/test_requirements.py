import pytest

from gates.requirements import Locked, NotLocked, locked
from gates.tree import ROOT

LOCK = r"""
-c other.txt
anyio==4.16.0 \
    --hash=sha256:aa \
    --hash=sha256:bb
    # via httpx
Typing_Extensions==4.1 ; python_version < "3.12" --hash=sha256:cc
drf-spectacular[sidecar]==0.30.0
"""


def test_a_lock_is_read() -> None:
    assert locked(LOCK) == [
        Locked("anyio", "4.16.0", frozenset(("aa", "bb"))),
        Locked("typing-extensions", "4.1", frozenset(("cc",))),
        Locked("drf-spectacular", "0.30.0", frozenset()),
    ]


@pytest.mark.parametrize("line", ["anyio", "anyio>=4", "anyio==4.*", "./here", "anyio @ https://example.com/a.whl"])
def test_what_names_no_version(line: str) -> None:
    with pytest.raises(NotLocked):
        locked(line)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_our_locks_are_read_whole(name: str) -> None:
    text = (ROOT / name).read_text()
    found = locked(text)
    assert sum(len(it.hashes) for it in found) == text.count("--hash=sha256:")
    assert len(found) == sum("==" in line for line in text.splitlines())
