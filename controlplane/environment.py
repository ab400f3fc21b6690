"""Settings from the environment: read, checked, and refused with one plain line."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from apikeys.client_address import Network, parse_networks
from latchkey.duration import parse_duration

SECRETS_FILE: Final = "secrets.env"
MINIMUM_KEY_LENGTH: Final = 50
_TRUE: Final = frozenset(("1", "true", "yes", "on"))
_FALSE: Final = frozenset(("0", "false", "no", "off", ""))


class Environment:
    """The process's environment, over `.env` beside manage.py, over `secrets.env` in DATA_DIR.

    Every method raises ImproperlyConfigured, whose message names the setting and what to do, and never a secret value.
    """

    def __init__(self, base: Path) -> None:
        _read(base / ".env")
        self.data_dir = Path(os.environ.get("DATA_DIR") or base / "var").absolute()
        _read(self.data_dir / SECRETS_FILE)

    def text(self, name: str, default: str) -> str:
        """The setting's text; empty counts as absent."""
        return os.environ.get(name) or default

    def absolute_path(self, name: str) -> Path | None:
        """A path from the root; None where it is not set."""
        value = self.text(name, "")
        if value and not Path(value).is_absolute():
            raise ImproperlyConfigured(f"{name}: must be an absolute path.")
        return Path(value) if value else None

    def flag(self, name: str, *, default: bool) -> bool:
        """A switch: true or false, also as 1/0, yes/no, on/off."""
        value = os.environ.get(name, str(default)).strip().lower()
        if value in _TRUE or value in _FALSE:
            return value in _TRUE
        raise ImproperlyConfigured(f"{name}: must be true or false.")

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """A whole number from `minimum` to `maximum`."""
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdigit() and len(value) < 19 and minimum <= int(value) <= maximum):
            raise ImproperlyConfigured(f"{name}: must be a whole number from {minimum} to {maximum}.")
        return int(value)

    def duration(self, name: str, default: str) -> timedelta:
        """A time span such as 90d."""
        try:
            return parse_duration(self.text(name, default))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {error}.") from None

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """One of `choices`, in any case."""
        value = self.text(name, default)
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        raise ImproperlyConfigured(f"{name}: must be one of {', '.join(choices)}.")

    def listed(self, name: str, default: str) -> list[str]:
        """Entries separated by commas."""
        return [entry.strip() for entry in self.text(name, default).split(",") if entry.strip()]

    def networks(self, name: str) -> tuple[Network, ...]:
        """Addresses and networks in CIDR notation, separated by commas; none by default."""
        try:
            return parse_networks(self.listed(name, ""))
        except ValueError:
            raise ImproperlyConfigured(f"{name}: must be addresses or networks such as 10.0.0.0/8.") from None

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> SplitResult:
        """An address of one of `schemes`."""
        try:
            parts = urlsplit(self.text(name, default))
            if parts.scheme in schemes and (parts.port or 1) > 0:
                return parts
        except ValueError:
            pass
        raise ImproperlyConfigured(f"{name}: must be an address that begins with {' or '.join(schemes)}://.")

    def limit_text(self, name: str, burst: int, per_seconds: int) -> str:
        """The JSON of a rate limit, as text; whether it is one is for the system checks to say."""
        return self.text(name, json.dumps({"burst": burst, "per_seconds": per_seconds}))

    def secret_key(self, *, debug: bool) -> str:
        """SECRET_KEY, which has to be there and long; in DEBUG a fixed one will do."""
        value = os.environ.get("SECRET_KEY", "")
        if not value and debug:
            return "insecure-for-debugging-only-" + "0" * MINIMUM_KEY_LENGTH
        if len(value) < MINIMUM_KEY_LENGTH or len(set(value)) < 5 or value.startswith("django-insecure-"):
            if not value:
                raise ImproperlyConfigured(f"SECRET_KEY: is missing. {self._where_secrets_are()}")
            raise ImproperlyConfigured(f"SECRET_KEY: is too weak. Use {MINIMUM_KEY_LENGTH} or more random characters.")
        return value

    def peppers(self, *, debug: bool) -> str:
        """SECRET_PEPPERS as text; whether they are usable is for the system checks to say."""
        value = os.environ.get("SECRET_PEPPERS", "")
        if not value and debug:
            return "debug:" + "00" * 32
        if not value:
            raise ImproperlyConfigured(f"SECRET_PEPPERS: is missing. {self._where_secrets_are()}")
        return value

    def _where_secrets_are(self) -> str:
        """Say where secrets were looked for. New ones in their place would lock every key of the installation out."""
        return (
            f"It is neither in the environment nor in {self.data_dir / SECRETS_FILE}. If this installation has been "
            "started before, set DATA_DIR to its directory; `make run` starts a new one."
        )


def _read(path: Path) -> None:
    """Adds what the file sets and the environment does not."""
    try:
        if path.is_file():
            environ.Env.read_env(str(path))
    except OSError as error:
        raise ImproperlyConfigured(f"{path}: cannot be read: {error.strerror}.") from None
