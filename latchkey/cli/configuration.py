"""Configuration file: profiles, each of which has a server and how to call it."""

import os
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from latchkey.cli.errors import CLIError
from latchkey.cli.view import Format
from latchkey.headers import is_header_name

DEFAULT_PROFILE: Final = "default"
MAX_TIMEOUT_SECONDS: Final = 86_400
_FORMATS: Final = tuple(Format)
_OTHER_USERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Profile:
    """A server and how to call it. What the profile doesn't set is None. `timeout` is in seconds.

    `keyring` is `system` if the key is in the keyring of the system.
    """

    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    api_key_header: str | None = None
    keyring: str | None = None
    timeout: float | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoProfileChosen(Profile):
    """An empty profile: the file has profiles, but none is chosen.

    `error` says so. Raise it if a URL or a key is missing.
    """

    error: CLIError


def default_path() -> Path:
    """Return the path of the file that is used if no other is named (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CONFIG_HOME")
    try:
        directory = Path(home) if home and Path(home).is_absolute() else Path.home() / ".config"
    except RuntimeError:
        # Some containers run under an account without a home directory.
        directory = Path(os.devnull)
    return directory / "latchkey" / "config.toml"


def read_profile(path: Path | None, name: str | None) -> Profile:
    """Return the profile `name`, or the one that the file's `profile` names, or `default`. Raises CLIError.

    Without a file, return an empty profile, unless the file or a profile was asked for.
    """
    config_file = path or default_path()
    if path is None and name is None and not _exists(config_file):
        return Profile()
    document = load_document(config_file)
    profiles = document.get("profiles", {})
    wanted = name or document.get("profile", DEFAULT_PROFILE)
    if not isinstance(profiles, dict) or set(document) - {"profile", "profiles"}:
        raise _unusable_file(config_file, "only profile and [profiles.NAME] are allowed.")
    # Don't use a sole profile that isn't chosen: a command meant for one server must not reach another.
    if name is None and "profile" not in document and wanted not in profiles:
        return NoProfileChosen(error=_no_profile_chosen(config_file, sorted(profiles))) if profiles else Profile()
    if not isinstance(wanted, str) or wanted not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise _unusable_file(config_file, f"it has no profile with the requested name. Profiles: {known}.")
    return _profile(config_file, wanted, profiles[wanted])


def profile_names(config_file: Path) -> list[str]:
    """Return the names of the file's profiles, sorted; none without a file. Raises CLIError."""
    if not _exists(config_file):
        return []
    profiles = load_document(config_file).get("profiles", {})
    return sorted(profiles) if isinstance(profiles, dict) else []


def chosen_profile(config_file: Path) -> str:
    """Return the name of the profile that is used if no other is named. Raises CLIError."""
    return str(load_document(config_file).get("profile", DEFAULT_PROFILE)) if _exists(config_file) else DEFAULT_PROFILE


def _exists(config_file: Path) -> bool:
    """Return whether the file exists. In a directory that can't be searched, it doesn't."""
    try:
        return config_file.exists()
    except OSError:
        return False


def load_document(config_file: Path) -> Mapping[str, Any]:
    """Return the file's content. Raises CLIError if other users have access to the file, or if it isn't TOML."""
    try:
        with config_file.open("rb") as file:
            # Look at the open file: another file could be at this path by now.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _OTHER_USERS:
                raise CLIError(
                    "Other users can read the configuration file",
                    f"{config_file} has mode {mode:04o}, and it may contain keys.",
                    f"chmod 600 {_quoted(config_file)}",
                )
            # Some editors start a file with a byte order mark.
            return tomllib.loads(file.read().decode("utf-8-sig"))
    except OSError as error:
        raise _unusable_file(config_file, f"it cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise _unusable_file(config_file, "it is not TOML.") from None


def _profile(config_file: Path, name: str, values: object) -> Profile:
    rules: Mapping[str, Callable[[Any], bool]] = {
        "url": lambda value: isinstance(value, str),
        "api_key": lambda value: isinstance(value, str),
        "api_key_header": lambda value: isinstance(value, str) and is_header_name(value),
        "keyring": lambda value: value == "system",
        "timeout": lambda value: type(value) in (int, float) and 0 < value <= MAX_TIMEOUT_SECONDS,
        "format": lambda value: value in _FORMATS,
    }
    if not isinstance(values, dict) or not set(values) <= set(rules):
        raise _unusable_file(config_file, f"the profile {name} can only have {', '.join(rules)}.")
    # Never put a value into the message: it may be a key.
    for field_name, value in values.items():
        if not rules[field_name](value):
            raise _unusable_file(config_file, f"{field_name} of the profile {name} is invalid.")
    return Profile(**values)


def _no_profile_chosen(config_file: Path, names: list[str]) -> CLIError:
    title = f"No profile is chosen. Profiles: {', '.join(names)}"
    choose = f'Add --profile {names[0]}, set LATCHKEY_PROFILE, or write profile = "{names[0]}" at the top of the file.'
    return CLIError(
        title, f"{config_file} does not set which profile to use, and none of them is named default.", choose
    )


def _unusable_file(config_file: Path, why: str) -> CLIError:
    example = (
        '[profiles.default], and under it url = "https://…", api_key = "lk_…:lks_…", timeout = 10, format = "table"'
    )
    return CLIError("The configuration file is invalid", f"{config_file}: {why}", f"Write it as TOML: {example}.")


def _quoted(config_file: Path) -> str:
    from shlex import quote

    return quote(str(config_file))
