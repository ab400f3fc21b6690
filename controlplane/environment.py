"""Settings from the environment: read, validated, and rejected with a one-line message."""

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from apikeys.client_address import Network, parse_networks
from controlplane.places import START_COMMAND
from latchkey.duration import parse_duration

SECRETS_FILE: Final = "secrets.env"
MINIMUM_KEY_LENGTH: Final = 50
_TRUE: Final = frozenset(("1", "true", "yes", "on"))
_FALSE: Final = frozenset(("0", "false", "no", "off", ""))


class Environment:
    """Environment of the process, then `.env` in `home`, then `secrets.env` in DATA_DIR.

    Every method raises ImproperlyConfigured for an invalid value. The message names the setting and what to do,
    and never contains a secret.
    """

    def __init__(self, home: Path) -> None:
        _read(home / ".env")
        self.data_dir = Path(os.environ.get("DATA_DIR") or home / "var").absolute()
        _read(self.data_dir / SECRETS_FILE)

    def text(self, name: str, default: str) -> str:
        """Return the setting's text, or `default` if it is empty or not set."""
        return os.environ.get(name) or default

    def absolute_path(self, name: str) -> Path | None:
        """Return the setting as an absolute path, or None if it is not set."""
        value = self.text(name, "")
        if value and not Path(value).is_absolute():
            raise ImproperlyConfigured(f"{name}: must be an absolute path.")
        return Path(value) if value else None

    def flag(self, name: str, *, default: bool) -> bool:
        """Return the setting as a bool: true or false, 1 or 0, yes or no, on or off."""
        value = os.environ.get(name, str(default)).strip().lower()
        if value in _TRUE or value in _FALSE:
            return value in _TRUE
        raise ImproperlyConfigured(f"{name}: must be true or false.")

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """Return the setting as a whole number from `minimum` to `maximum`."""
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdigit() and len(value) < 19 and minimum <= int(value) <= maximum):
            raise ImproperlyConfigured(f"{name}: must be a whole number from {minimum} to {maximum}.")
        return int(value)

    def file_mode(self, name: str, default: str) -> int:
        """Return the setting as a file mode, in octal digits, that lets its owner read and write."""
        value = self.text(name, default)
        if not re.fullmatch(r"0?[67][0-7]{2}", value, flags=re.ASCII):
            raise ImproperlyConfigured(f"{name}: must be a mode from 0600 to 0777 that lets the owner read and write.")
        return int(value, 8)

    def duration(self, name: str, default: str) -> timedelta:
        """Return the setting as a duration, for example 90d."""
        try:
            return parse_duration(self.text(name, default))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {error}.") from None

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Return the one of `choices` that the setting names, ignoring case."""
        value = self.text(name, default)
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        raise ImproperlyConfigured(f"{name}: must be one of {', '.join(choices)}.")

    def listed(self, name: str, default: str) -> list[str]:
        """Return the comma-separated entries of the setting."""
        return [entry.strip() for entry in self.text(name, default).split(",") if entry.strip()]

    def networks(self, name: str) -> tuple[Network, ...]:
        """Return the comma-separated addresses and networks (CIDR) of the setting. The default is none."""
        try:
            return parse_networks(self.listed(name, ""))
        except ValueError:
            raise ImproperlyConfigured(f"{name}: must be addresses or networks such as 10.0.0.0/8.") from None

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> SplitResult:
        """Return the setting as a URL with one of `schemes`."""
        try:
            parts = urlsplit(self.text(name, default))
            if parts.scheme in schemes and (parts.port or 1) > 0:
                return parts
        except ValueError:
            pass
        raise ImproperlyConfigured(f"{name}: must be a URL that begins with {'://, '.join(schemes)}://.")

    def limit_text(self, name: str, burst: int, per_seconds: int) -> str:
        """Return the JSON text of a rate limit. The system checks validate it."""
        return self.text(name, json.dumps({"burst": burst, "per_seconds": per_seconds}))

    def secret_key(self, *, debug: bool) -> str:
        """Return SECRET_KEY, which must be set and long. With DEBUG, a fixed value replaces a missing one."""
        value = os.environ.get("SECRET_KEY", "")
        if not value and debug:
            return "insecure-for-debugging-only-" + "0" * MINIMUM_KEY_LENGTH
        if len(value) < MINIMUM_KEY_LENGTH or len(set(value)) < 5 or value.startswith("django-insecure-"):
            if not value:
                raise ImproperlyConfigured(f"SECRET_KEY: is missing. {self._secrets_hint()}")
            raise ImproperlyConfigured(f"SECRET_KEY: is too weak. Use {MINIMUM_KEY_LENGTH} or more random characters.")
        return value

    def peppers(self, *, debug: bool) -> str:
        """Return the text of SECRET_PEPPERS, or a fixed value if it is missing and DEBUG is on.

        The system checks validate it.
        """
        value = os.environ.get("SECRET_PEPPERS", "")
        if not value and debug:
            return "debug:" + "00" * 32
        if not value:
            raise ImproperlyConfigured(f"SECRET_PEPPERS: is missing. {self._secrets_hint()}")
        return value

    def _secrets_hint(self) -> str:
        """Return a sentence that says where secrets were looked for."""
        return (
            f"It is neither in the environment nor in {self.data_dir / SECRETS_FILE}. For an existing installation, "
            f"set DATA_DIR to its directory. For a new one, run `{START_COMMAND}`."
        )


def _read(path: Path) -> None:
    """Add the variables of the file that the environment doesn't set."""
    try:
        if path.is_file():
            environ.Env.read_env(str(path))
    except OSError as error:
        raise ImproperlyConfigured(f"{path}: cannot be read: {error.strerror}.") from None
