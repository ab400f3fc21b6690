"""One run of the command: its settings, its request ID, its client."""

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Final

from latchkey import headers
from latchkey.cli.api_key import STANDARD_INPUT, read_api_key
from latchkey.cli.configuration import NoProfileChosen, Profile, read_profile
from latchkey.cli.errors import CLIError
from latchkey.cli.options import Options
from latchkey.cli.view import Format, View
from latchkey.credentials import Credential, parse_credential
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
        self.refused = False
        """Whether a part of the command was refused while the rest was done."""
        self.caller = ""
        """The calling key and where it comes from, for messages; empty if no key was used."""

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

    @cached_property
    def view(self) -> View:
        """Return how results are shown. Raises CLIError."""
        options = self.options
        chosen = options.format or self.profile.format or (Format.JSON if options.jq else Format.TABLE)
        if options.jq:
            from latchkey.cli.jq import check_jq

            check_jq(options.jq)
        return View(Format(chosen), options.columns, options.sort, options.jq)

    @cached_property
    def client(self) -> "Client":
        """Return the client, with the key. Raises CLIError and MalformedCredential."""
        return self._connect(with_key=True)

    @cached_property
    def client_without_key(self) -> "Client":
        """Return the client for the one call that needs no key. Raises CLIError."""
        return self._connect(with_key=False)

    @cached_property
    def client_for_completion(self) -> "Client":
        """Return a client that asks for nothing and writes nothing. Raises CLIError without a key that is stored."""
        from latchkey.cli.connection import check_url, open_client

        url = check_url(self.url)
        given = self.options.api_key or self._stored_key(url)
        if given is None or given == STANDARD_INPUT:
            raise CLIError("No API key", "Completion needs a key that is stored.", "latchkey login")
        return open_client(
            url,
            parse_credential(given),
            api_key_header=self._header,
            request_id=self.request_id,
            timeout_seconds=self.timeout_seconds,
            wait=False,
            verbose=False,
            say=lambda _text: None,
            retries=False,
        )

    def say(self, text: str) -> None:
        """Write a message for people to standard error, apart from the result."""
        print(f"latchkey: {text}", file=sys.stderr, flush=True)

    def _connect(self, *, with_key: bool) -> "Client":
        # Imported late, because this module loads httpx, which `--help` doesn't need.
        from latchkey.cli.connection import check_url

        url = check_url(self.url)
        return self.open(url, self._read_credential(url) if with_key else None)

    def open(self, url: str, credential: Credential | None) -> "Client":
        """Return a client of the server at `url`. Raises CLIError."""
        from latchkey.cli.connection import open_client
        from latchkey.client.address import is_unencrypted

        # Before anything is changed: a result that can't be shown may be a new secret.
        _ = self.view
        if credential is not None and is_unencrypted(url):
            self.say("warning: http:// sends the key unencrypted; use https://.")
        return open_client(
            url,
            credential,
            api_key_header=self._header,
            request_id=self.request_id,
            timeout_seconds=self.timeout_seconds,
            wait=self.options.wait,
            verbose=self.options.verbose,
            say=self.say,
        )

    @property
    def _header(self) -> str:
        return self.options.api_key_header or self.profile.api_key_header or self._api_key_header

    def _stored_key(self, url: str) -> str | None:
        """Return the profile's key for the server at `url`, or None. Raises CLIError."""
        profile = self.profile
        if profile.keyring is None:
            return profile.api_key
        from latchkey.cli.configuration import chosen_profile, default_path
        from latchkey.cli.keyring_store import read_secret

        name = self.options.profile or chosen_profile(self.options.config or default_path())
        return read_secret(name, url)

    def _key_source(self, given: str | None) -> str:
        """Return where the key comes from."""
        if given is None or given == STANDARD_INPUT:
            return "standard input"
        if self.options.api_key is None:
            return "the profile"
        return "--api-key" if self.options.key_from_command_line else "LATCHKEY_API_KEY"

    def _read_credential(self, url: str) -> Credential:
        given = self.options.api_key or self._stored_key(url)
        try:
            credential = read_api_key(given, from_command_line=self.options.key_from_command_line)
            self.caller = f"the key {credential.key_id} from {self._key_source(given)}"
            return credential
        except CLIError as error:
            profile = self.profile
            # A file with profiles of which none is chosen is the likely reason why the key is missing.
            raise (profile.error if isinstance(profile, NoProfileChosen) else error) from None
