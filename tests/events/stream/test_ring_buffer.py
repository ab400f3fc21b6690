"""What the ring keeps, and what it says of the rest."""

from events.stream.frames import Frame
from events.stream.ring_buffer import RingBuffer


def frames(*ids: int, size: int = 1) -> list[Frame]:
    return [Frame(number, "KeyIssued", "lk_a", b"x" * size) for number in ids]


def test_empty_ring_reaches_back_to_its_head() -> None:
    ring = RingBuffer(7)
    assert [ring.covers_since(position) for position in (6, 7, 8)] == [False, True, True]
    assert ring.after(3) == []


def test_oldest_go_when_there_are_too_many() -> None:
    ring = RingBuffer(0, frames=3)
    ring.add(frames(1, 2, 3, 4))
    assert ring.head == 4
    assert [frame.id for frame in ring.after(0)] == [2, 3, 4]
    assert [frame.id for frame in ring.after(3)] == [4]
    assert [ring.covers_since(position) for position in (0, 1)] == [False, True]


def test_oldest_go_when_they_are_too_large() -> None:
    ring = RingBuffer(0, size=10)
    ring.add(frames(1, 2, 3, size=4))
    assert [frame.id for frame in ring.after(0)] == [2, 3]
    ring.add(frames(4, size=11))
    assert (ring.after(0), ring.head, ring.covers_since(3), ring.covers_since(4)) == ([], 4, False, True)
