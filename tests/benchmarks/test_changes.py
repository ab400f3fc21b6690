"""What is between a node and a database that is far away."""

import socket
from threading import Thread

from benchmarks.changes import of_rates
from benchmarks.changes.distance import Distance


def test_bytes_arrive_later_and_so_does_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as here, socket.create_server(("127.0.0.1", 0)) as there:
        distance = Distance(here, there.getsockname()[1], 0.001)
        writer = socket.create_connection(here.getsockname())
        distance.turn()
        reader, _ = there.accept()
        stop, stopped = socket.socketpair()
        thread = Thread(target=lambda: any(iter(lambda: distance.turn(stopped.fileno()), True)))
        thread.start()
        with writer, reader, stop, stopped:
            writer.sendall(b"question")
            assert reader.recv(100) == b"question"
            reader.sendall(b"answer")
            assert writer.recv(100) == b"answer"
            writer.shutdown(socket.SHUT_WR)
            assert reader.recv(100) == b""
            stop.send(b"x")
            thread.join(5)
        assert not thread.is_alive()
        distance.close()


def test_rates_are_compared_with_those_nearby() -> None:
    section = of_rates({"next to it": [30.0, 50.0, 40.0], "2 ms away": [15.0, 25.0, 20.0]})
    assert section.ratios() == {"next to it": 1.0, "2 ms away": 0.5}
