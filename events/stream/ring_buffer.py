"""Ring buffer of the newest frames, shared by all streams of a process."""

from collections import deque
from typing import Final

from events.stream.frames import Frame

MAX_FRAMES: Final = 1000
MAX_BYTES: Final = 8 * 1024 * 1024


class RingBuffer:
    """Frames without gaps up to the ID `head`. The oldest are dropped beyond `frames` frames or `size` bytes."""

    def __init__(self, head: int, *, frames: int = MAX_FRAMES, size: int = MAX_BYTES) -> None:
        self.head = head
        self._most_frames = frames
        self._most_bytes = size
        self._bytes = 0
        self._frames: deque[Frame] = deque()

    def add(self, frames: list[Frame]) -> None:
        """Append the frames that follow `head`, in order."""
        for frame in frames:
            self._frames.append(frame)
            self._bytes += len(frame.encoded)
            self.head = frame.id
        while len(self._frames) > self._most_frames or self._bytes > self._most_bytes:
            self._bytes -= len(self._frames.popleft().encoded)

    def covers_since(self, position: int) -> bool:
        """Return whether the ring contains every frame after the ID `position`."""
        oldest = self._frames[0].id if self._frames else self.head + 1
        return position >= oldest - 1

    def after(self, position: int) -> list[Frame]:
        """Return the frames with IDs above `position`, in order."""
        found = []
        # Search from the end, because most streams lack only the last frame.
        for frame in reversed(self._frames):
            if frame.id <= position:
                break
            found.append(frame)
        found.reverse()
        return found
