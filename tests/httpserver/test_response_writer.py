"""Head and body of a response in one write."""

import asyncio

from httpserver.response_writer import ResponseWriter


class Transport(asyncio.Transport):
    """Records what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes | None] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return None in self.written

    def close(self) -> None:
        self.written.append(None)


def written(*steps: bytes | float | None, closed_before: bool = False) -> list[bytes | None]:
    """What a transport gets: bytes are written, None closes, and a number lets the event loop go on."""

    async def write() -> list[bytes | None]:
        transport = Transport()
        writer = ResponseWriter(transport, asyncio.get_running_loop())
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
            elif step is None:
                writer.close()
            else:
                await asyncio.sleep(step)
        if closed_before:
            transport.close()
        await asyncio.sleep(0)
        return transport.written

    return asyncio.run(write())


def test_head_and_body_go_together() -> None:
    assert written(b"head", b"body") == [b"headbody"]
    assert written(b"head", b"one", b"two") == [b"headone", b"two"]


def test_a_head_waits_for_one_iteration_at_most() -> None:
    assert written(b"head", 0) == [b"head"]
    assert written(b"head", 0, b"one", b"two") == [b"head", b"one", b"two"]


def test_what_is_held_goes_before_the_end() -> None:
    assert written(b"head", None) == [b"head", None]
    assert written(b"head", closed_before=True) == [None]
