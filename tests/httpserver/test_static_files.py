"""Static files, whose bytes all responses share."""

from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from httpserver.static_files import PIECE_BYTES, cached_pieces, range_of

NAME = "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"


@pytest.fixture
def contents() -> bytes:
    path = finders.find(NAME)
    assert isinstance(path, str)
    return Path(path).read_bytes()


def test_file_is_served_in_shared_pieces(client: Client, contents: bytes) -> None:
    first, second = client.get(f"/static/{NAME}"), client.get(f"/static/{NAME}")
    pieces = list(first)
    assert b"".join(pieces) == contents
    assert int(first["Content-Length"]) == len(contents)
    assert max(len(piece) for piece in pieces) <= PIECE_BYTES
    assert all(one is other for one, other in zip(pieces, second, strict=True))


@pytest.mark.parametrize(
    ("start", "end"), [(0, 99), (PIECE_BYTES - 1, PIECE_BYTES), (70_000, 200_000), (5, 10_000_000)]
)
def test_range_request(client: Client, contents: bytes, start: int, end: int) -> None:
    answer = client.get(f"/static/{NAME}", headers={"Range": f"bytes={start}-{end}"})
    expected = contents[start : end + 1]
    assert answer.status_code == 206
    assert (b"".join(answer), answer["Content-Length"]) == (expected, str(len(expected)))


def test_range_copies_only_edges(contents: bytes) -> None:
    path = finders.find(NAME)
    assert isinstance(path, str)
    pieces = cached_pieces(path)
    part = list(range_of(pieces, 1, len(contents) - 2))
    assert [one is other for one, other in zip(part, pieces, strict=True)].count(False) == 2


def test_head_and_304_have_no_body(client: Client) -> None:
    head = client.head(f"/static/{NAME}")
    assert (head.status_code, b"".join(head)) == (200, b"")
    known = client.get(f"/static/{NAME}", headers={"If-None-Match": head["ETag"]})
    assert (known.status_code, b"".join(known)) == (304, b"")
