"""Many requests at once, each connection on a thread of its own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from threading import Barrier


def fire(port: int, credential: str, *, connections: int, requests: int, path: str = "/v1/whoami") -> Counter[int]:
    """Sends `requests` on each of `connections`, all beginning at once; counts answers by status, 0 for none.

    A connection that breaks is opened again, and the request that was under way counts as unanswered.
    """
    begin = Barrier(connections)

    def send(_: int) -> Counter[int]:
        found: Counter[int] = Counter()
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        begin.wait()
        for _ in range(requests):
            try:
                connection.request("GET", path, headers={"X-API-Key": credential})
                answer = connection.getresponse()
                answer.read()
                found[answer.status] += 1
            except (OSError, HTTPException):
                found[0] += 1
                connection.close()
        connection.close()
        return found

    with ThreadPoolExecutor(connections) as pool:
        return sum(pool.map(send, range(connections)), Counter())
