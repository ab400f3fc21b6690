"""The secrets of the servers and commands that tests start."""

from typing import Final

SERVER_SECRETS: Final = {
    "SECRET_KEY": "a-key-for-a-test-server-" + "0123456789abcdef" * 2,
    "SECRET_PEPPERS": "p1:" + "ab" * 32,
}
