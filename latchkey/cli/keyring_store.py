"""Keys in the keyring of the system (macOS Keychain, Secret Service, Windows), with the extra `latchkey[keyring]`.

An entry belongs to a profile and a URL: a key isn't sent to another server because someone edited the profile.
"""

from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from latchkey.cli.errors import CLIError

SERVICE: Final = "latchkey"
_EXTRA: Final = "Install it (pip install 'latchkey[keyring]'), or store the key in the file: latchkey login --in-file."


def is_usable() -> bool:
    """Return whether there is a keyring that stores something."""
    return _usable_keyring() is not None


def read_secret(profile: str, url: str) -> str | None:
    """Return the profile's key for the server, or None if the keyring has none. Raises CLIError."""
    found = _call("get_password", _entry(profile, url))
    return None if found is None else str(found)


def write_secret(profile: str, url: str, credential: str) -> None:
    """Store the key. Raises CLIError."""
    _call("set_password", _entry(profile, url), credential)


def forget_secret(profile: str, url: str) -> None:
    """Remove the key, if the keyring has one."""
    with suppress(CLIError):
        _call("delete_password", _entry(profile, url))


def _entry(profile: str, url: str) -> str:
    return f"{profile} {url}"


def _call(function: str, *arguments: str) -> Any:
    keyring = _usable_keyring()
    if keyring is None:
        raise CLIError("The system's keyring isn't available", "There's no usable backend for keyring.", _EXTRA)
    try:
        return getattr(keyring, function)(SERVICE, *arguments)
    except Exception as error:  # noqa: BLE001 - each backend has its own errors, whose text may hold anything
        detail = f"The keyring refused the call ({type(error).__name__}). It may be locked."
        raise CLIError("The system's keyring can't be used", detail, "Unlock it, or use LATCHKEY_API_KEY.") from None


def _usable_keyring() -> Any:
    """Return the module keyring, or None if it isn't installed or has no backend."""
    try:
        keyring = import_module("keyring")
        # The backends that fail or store nothing have a priority of 0 or less.
        return keyring if keyring.get_keyring().priority > 0 else None
    except Exception:  # noqa: BLE001 - a broken installation isn't a reason to fail: the file is used
        return None
