import os
from pathlib import Path

import pytest

from health.node.identity import NODE_FILE, Node


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The descriptors that were opened, so that a test can end a process by closing them."""
    opened: list[int] = []
    really_open = os.open

    def remember(*arguments: object, **named: object) -> int:
        opened.append(really_open(*arguments, **named))  # type: ignore[arg-type]
        return opened[-1]

    monkeypatch.setattr("health.node.identity.os.open", remember)
    return opened


def test_a_node_keeps_its_id_and_one_process_at_a_time_has_it(tmp_path: Path, released: list[int]) -> None:
    first = Node.claim(tmp_path)
    assert first is not None
    assert Node.claim(tmp_path) is None
    os.close(released[0])
    assert Node.claim(tmp_path) == first
    assert (tmp_path / NODE_FILE).stat().st_mode & 0o777 == 0o600


def test_each_data_directory_is_a_node(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, other = (Node.claim(tmp_path / name) for name in ("a", "b"))
    assert one
    assert other
    assert one.id != other.id


def test_a_file_that_holds_no_id_gets_one(tmp_path: Path, released: list[int]) -> None:
    (tmp_path / NODE_FILE).write_bytes(b"\xff" * 100)
    node = Node.claim(tmp_path)
    assert node
    os.close(released[-1])
    assert (tmp_path / NODE_FILE).read_text() == f"{node.id}\n"
    assert Node.claim(tmp_path) == node


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / NODE_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        Node.claim(tmp_path)
