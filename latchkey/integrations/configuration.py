"""Configuration of an integration: where Latchkey is, the service's own key, and what happens without a verdict."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypedDict, Unpack

from latchkey.client.address import server_url
from latchkey.credentials import Credential, MalformedCredential, parse_credential

DEFAULT_TIMEOUT_SECONDS: Final = 2.0
MAX_TIMEOUT_SECONDS: Final = 60.0
DEFAULT_CONNECTIONS: Final = 32
MAX_CONNECTIONS: Final = 10_000
_SWITCHES: Final = {"true": True, "1": True, "false": False, "0": False}


class ConfigurationError(ValueError):
    """A setting that is missing or invalid. The message names it, and never repeats its value."""


class Options(TypedDict, total=False):
    """Settings that are passed in code. They override those of the framework and of the environment."""

    url: str
    api_key: str
    public_url: str
    timeout: float
    max_connections: int
    fail_open: bool
    trust_proxy_identity: bool
    imported_tokens: bool


Source = Callable[[str], object]
"""Function that returns the value of a setting, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Configuration of an integration.

    `url` is Latchkey's address for this service, and `public_url` its address for people, in the `type` of problems.
    `timeout_seconds` bounds a verification, and `max_connections` the connections of a process.
    With `imported_tokens`, a text that could be a token of another system is verified too.
    """

    url: str
    credential: Credential
    public_url: str
    timeout_seconds: float
    max_connections: int
    fail_open: bool
    trust_proxy_identity: bool
    imported_tokens: bool

    @classmethod
    def read(cls, framework: Source = lambda _name: None, **options: Unpack[Options]) -> "Configuration":
        """Return the configuration in `options`, the framework's settings and the environment, in this order.

        A setting is named `LATCHKEY_` and its option in capitals. Raises ConfigurationError.
        """

        def value(option: str) -> object:
            name = f"LATCHKEY_{option.upper()}"
            given = options.get(option)
            found = given if given is not None else framework(name)
            return found if found is not None else os.environ.get(name) or None

        url = _url("URL", value("url"))
        return cls(
            url=url,
            credential=_credential(value("api_key")),
            public_url=_url("PUBLIC_URL", value("public_url") or url),
            timeout_seconds=_number("TIMEOUT", value("timeout"), DEFAULT_TIMEOUT_SECONDS, 0.001, MAX_TIMEOUT_SECONDS),
            max_connections=round(
                _number("MAX_CONNECTIONS", value("max_connections"), DEFAULT_CONNECTIONS, 1, MAX_CONNECTIONS)
            ),
            fail_open=_switch("FAIL_OPEN", value("fail_open")),
            trust_proxy_identity=_switch("TRUST_PROXY_IDENTITY", value("trust_proxy_identity")),
            imported_tokens=_switch("IMPORTED_TOKENS", value("imported_tokens")),
        )


def _url(name: str, value: object) -> str:
    if value is None:
        raise ConfigurationError(f"LATCHKEY_{name} is not set. Set it to the address of Latchkey.")
    try:
        return server_url(str(value))
    except ValueError as error:
        raise ConfigurationError(f"LATCHKEY_{name} is invalid: {error}.") from None


def _credential(value: object) -> Credential:
    if value is None:
        raise ConfigurationError(
            "LATCHKEY_API_KEY is not set. Set it to the credential of this service's own key, which needs the scope "
            "verify."
        )
    try:
        return parse_credential(str(value))
    except MalformedCredential as error:
        raise ConfigurationError(f"LATCHKEY_API_KEY is invalid: {error}") from None


def _number(name: str, value: object, default: float, minimum: float, maximum: float) -> float:
    try:
        number = default if value is None else float(str(value))
    except ValueError:
        number = -1
    # Also rejects NaN, which no comparison accepts.
    if not minimum <= number <= maximum:
        raise ConfigurationError(f"LATCHKEY_{name} must be a number from {minimum:g} to {maximum:g}.")
    return number


def _switch(name: str, value: object) -> bool:
    found = False if value is None else _SWITCHES.get(str(value).lower())
    if found is None:
        raise ConfigurationError(f"LATCHKEY_{name} must be true or false.")
    return found
