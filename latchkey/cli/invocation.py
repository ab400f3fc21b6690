"""One run of the command: its settings, its request ID, its client."""

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Final

from latchkey import headers
from latchkey.cli.api_key import read_api_key
from latchkey.cli.configuration import NoProfileChosen, Profile, read_profile
from latchkey.cli.errors import CLIError
from latchkey.cli.options import Format, Options
from latchkey.credentials import Credential
from latchkey.request_id import new_request_id

if TYPE_CHECKING:
    from latchkey.client.client import Client

DEFAULT_URL: Final = "http://localhost:8000"
DEFAULT_TIMEOUT_SECONDS: Final = 10.0


class Invocation:
    """State of one run of the command.

    `command` is its name, without what was typed after it. `server_url` is the server to call if nothing else
    names one, and `api_key_header` the field that carries the key; both are set if the settings of a server are
    available.
    """

    def __init__(self, server_url: str | None = None, api_key_header: str | None = None) -> None:
        # Everything else is computed on first use, so that `--help` needs neither a file nor a key.
        self._server_url = server_url
        self._api_key_header = api_key_header or headers.API_KEY
        self.options = Options()
        self.request_id = new_request_id()
        self.command = ""

    @cached_property
    def profile(self) -> Profile:
        """Return the profile in use. Raises CLIError."""
        return read_profile(self.options.config, self.options.profile)

    @property
    def url(self) -> str:
        """Return the server's address. Raises CLIError."""
        named = self.options.url or self.profile.url or self._server_url
        if named is None and isinstance(self.profile, NoProfileChosen):
            raise self.profile.error
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
        """Return the client, with the key. Raises CLIError and MalformedCredential."""
        return self._connect(with_key=True)

    @cached_property
    def client_without_key(self) -> "Client":
        """Return the client for the one call that needs no key. Raises CLIError."""
        return self._connect(with_key=False)

    def say(self, text: str) -> None:
        """Write a message for people to standard error, apart from the result."""
        print(f"latchkey: {text}", file=sys.stderr, flush=True)

    def _connect(self, *, with_key: bool) -> "Client":
        # Imported late, because these modules load httpx, which `--help` doesn't need.
        from latchkey.cli.connection import check_url, open_client
        from latchkey.client.address import is_unencrypted

        url = check_url(self.url)
        credential = self._read_credential() if with_key else None
        if credential is not None and is_unencrypted(url):
            self.say("warning: http:// sends the key unencrypted; use https://.")
        return open_client(
            url,
            credential,
            api_key_header=self.options.api_key_header or self.profile.api_key_header or self._api_key_header,
            request_id=self.request_id,
            timeout_seconds=self.timeout_seconds,
            wait=self.options.wait,
            verbose=self.options.verbose,
            say=self.say,
        )

    def _read_credential(self) -> Credential:
        given = self.options.api_key or self.profile.api_key
        try:
            return read_api_key(given, from_command_line=self.options.key_from_command_line)
        except CLIError as error:
            profile = self.profile
            # A file with profiles of which none is chosen is the likely reason why the key is missing.
            raise (profile.error if isinstance(profile, NoProfileChosen) else error) from None
