import base64
import os
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey import secret_scan
from latchkey.credentials import generate_key_id, generate_secret
from latchkey.secret_scan import FoundSecret, UnreadablePath, scan, scan_stream

KEY_ID, SECRET, OTHER = generate_key_id(), generate_secret(), generate_secret()


def found(content: bytes) -> list[tuple[int, str | None, str]]:
    return [(it.line, it.key_id, it.secret) for it in scan_stream(BytesIO(content), "name")]


def encoded(text: str) -> bytes:
    return base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("content", "key_id"),
    [
        (SECRET.encode(), None),
        (f"{KEY_ID}:{SECRET}".encode(), KEY_ID),
        (f"Bearer {KEY_ID}.{SECRET}".encode(), KEY_ID),
        (f"https://example.com/?key={KEY_ID}%2e{SECRET}".encode(), KEY_ID),
        (b"Basic " + encoded(f"{KEY_ID}.{SECRET}:"), KEY_ID),
        (f"https://example.com/?key={KEY_ID}%3A{SECRET}&more".encode(), KEY_ID),
        (f'{{"secret": "{SECRET}"}}'.encode(), None),
        (b"\xff\xfe\x00" + SECRET.encode() + b"\x80", None),
        (f"xx{SECRET}yy".encode(), None),
        (b"Authorization: Basic " + encoded(f"{KEY_ID}:{SECRET}"), KEY_ID),
    ],
    ids=[
        "alone",
        "credential",
        "one token",
        "escaped token",
        "user name",
        "address",
        "json",
        "binary",
        "within",
        "basic",
    ],
)
def test_found(content: bytes, key_id: str | None) -> None:
    assert found(b"one\ntwo\n" + content + b"\n") == [(3, key_id, SECRET)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        SECRET[:-1].encode(),
        SECRET.replace("lks_", "lkx_").encode(),
        b"lks_" + b"0" * 49,
        encoded(f"{KEY_ID}:lks_{'0' * 49}"),
        b"bGtf" + b"A" * 88,
        b"bGtf" + b"////" * 22,
    ],
    ids=["nothing", "short", "prefix", "checksum", "basic", "zeros", "ones"],
)
def test_not_found(content: bytes) -> None:
    assert found(content) == []


def test_several_on_a_line_and_on_others() -> None:
    content = f"{SECRET}{OTHER}\n\n{KEY_ID}:{OTHER} {SECRET}".encode()
    assert found(content) == [(1, None, SECRET), (1, None, OTHER), (3, KEY_ID, OTHER), (3, None, SECRET)]


@given(st.integers(1, 400), st.lists(st.integers(0, 300), max_size=4), st.booleans())
def test_chunks_change_nothing(size: int, gaps: list[int], lines: bool) -> None:
    """Wherever one chunk ends, each secret is found once, with its line and its key id."""
    between = "\n" if lines else "."
    content = "".join(f"{between * gap}{KEY_ID}:{SECRET}" for gap in gaps).encode()
    whole = found(content)
    assert len(whole) == len(gaps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secret_scan, "CHUNK", size)
        assert found(content) == whole


def test_memory_is_bounded() -> None:
    class Endless(BytesIO):
        left = 64
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            self.largest = max(self.largest, size)
            self.left -= 1
            return b"\n" * size if self.left else b""

    stream = Endless()
    assert list(scan_stream(stream, "name")) == []
    assert stream.largest == secret_scan.CHUNK


def test_nothing_shows_the_secret() -> None:
    it = FoundSecret("a", 1, None, SECRET)
    assert SECRET[8:] not in repr(it)
    assert it.shortened == f"{SECRET[:8]}…"


def test_files_and_directories(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "deep").write_text(SECRET)
    (tmp_path / "b" / "near").write_text(f"\n{OTHER}")
    (tmp_path / "a").write_text(SECRET)
    assert [(it.path, it.line) for it in scan([tmp_path / "b", tmp_path / "a"]) if isinstance(it, FoundSecret)] == [
        (str(tmp_path / "b" / "near"), 2),
        (str(tmp_path / "b" / "c" / "deep"), 1),
        (str(tmp_path / "a"), 1),
    ]


def test_links_are_not_followed_and_pipes_not_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text(SECRET)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "file").symlink_to(outside / "file")
    (inside / "directory").symlink_to(outside)
    (inside / "round").symlink_to(inside)
    os.mkfifo(inside / "pipe")
    assert list(scan([inside])) == []
    (unreadable,) = scan([inside / "file"])
    assert isinstance(unreadable, UnreadablePath)
    assert "symbolic links are not followed" in unreadable.reason


def test_what_is_not_there(tmp_path: Path) -> None:
    assert list(scan([tmp_path / "missing"])) == [
        UnreadablePath(str(tmp_path / "missing"), "No such file or directory")
    ]


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text(SECRET)
    (it,) = scan([tmp_path])
    assert it.path.encode().decode() == str(tmp_path / "�.txt")


def test_unreadable_file_does_not_stop_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(SECRET)
    opened = os.open

    def refuse(path: Path, flags: int) -> int:
        if path.name == "b":
            raise PermissionError(13, "Permission denied")
        return opened(path, flags)

    monkeypatch.setattr("latchkey.secret_scan.os.open", refuse)
    unreadable = list(scan([tmp_path]))
    assert [Path(it.path).name for it in unreadable] == ["a", "b", "c"]
    assert unreadable[1] == UnreadablePath(str(tmp_path / "b"), "Permission denied")
