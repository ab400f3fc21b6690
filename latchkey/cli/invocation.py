"""One run of the command: its settings, its request ID, its client."""

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Final

from latchkey.cli.configuration import Profile, Unchosen, read_profile
from latchkey.cli.options import Format, Options
from latchkey.request_id import new_request_id

if TYPE_CHECKING:
    from latchkey.client.client import Client

DEFAULT_URL: Final = "http://localhost:8000"
DEFAULT_TIMEOUT_SECONDS: Final = 10.0


class Invocation:
    """State of one run of the command.

    `command` is its name, without what was typed after it. `server_url` is the server to call if nothing else
    names one; it's set if the settings of a server are available.
    """

    def __init__(self, server_url: str | None = None) -> None:
        # Everything else is computed on first use, so that `--help` needs neither a file nor a key.
        self._server_url = server_url
        self.options = Options()
        self.request_id = new_request_id()
        self.command = ""

    @cached_property
    def profile(self) -> Profile:
        """Return the profile in use. Raises Refusal."""
        return read_profile(self.options.config, self.options.profile)

    @property
    def url(self) -> str:
        """Return the server's address. Raises Refusal."""
        named = self.options.url or self.profile.url or self._server_url
        if named is None and isinstance(self.profile, Unchosen):
            raise self.profile.refusal
        return named or DEFAULT_URL

    @property
    def timeout_seconds(self) -> float:
        """Return how many seconds each attempt of a call may take."""
        return self.options.timeout or self.profile.timeout or DEFAULT_TIMEOUT_SECONDS

    @property
    def as_json(self) -> bool:
        """Return whether results are shown as JSON."""
        return (self.options.format or self.profile.format) == Format.JSON

    @cached_property
    def client(self) -> "Client":
        """Return the client, with the key. Raises Refusal and MalformedCredential."""
        # That module imports this one, and it brings in httpx, which `--help` doesn't need.
        from latchkey.cli.connection import connect

        return connect(self, with_key=True)

    @cached_property
    def client_without_key(self) -> "Client":
        """Return the client for the one call that needs no key. Raises Refusal."""
        from latchkey.cli.connection import connect

        return connect(self, with_key=False)

    def say(self, text: str) -> None:
        """Write a message for people to standard error, apart from the result."""
        print(f"latchkey: {text}", file=sys.stderr, flush=True)
