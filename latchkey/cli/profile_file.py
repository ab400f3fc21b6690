"""Changes to the configuration file, which keep everything else in it, such as comments."""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from latchkey.cli.configuration import load_document
from latchkey.cli.errors import CLIError

PROFILE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
_CHOICE: Final = re.compile(r"^[ \t]*profile[ \t]*=.*$", re.MULTILINE)


def write_profile(config_file: Path, name: str, values: Mapping[str, str | None], *, choose: bool) -> None:
    """Set fields of a profile, remove those that are None, and leave the others. Create the file with mode 0600.

    With `choose`, the file names this profile as the one to use. Raises CLIError.
    """
    text, document = _read(config_file)
    profiles = dict(document.get("profiles", {}))
    old = profiles.get(name, {})
    new = {**old, **values}
    profiles[name] = {field: value for field, value in new.items() if value is not None}
    text = _with_section(text, name, profiles[name])
    wanted = {**document, "profiles": profiles}
    if choose:
        text, wanted = _with_choice(text, name), {**wanted, "profile": name}
    _write(config_file, text, wanted)


def choose_profile(config_file: Path, name: str) -> None:
    """Let the file name this profile as the one to use. Raises CLIError."""
    text, document = _read(config_file)
    if name not in document.get("profiles", {}):
        known = ", ".join(sorted(document.get("profiles", {}))) or "none"
        raise CLIError("No such profile", f"{config_file} has no profile with this name.", f"Profiles: {known}.")
    _write(config_file, _with_choice(text, name), {**document, "profile": name})


def _read(config_file: Path) -> tuple[str, Mapping[str, Any]]:
    if not config_file.exists():
        return "", {}
    document = load_document(config_file)
    return config_file.read_text(encoding="utf-8-sig"), document


def _with_section(text: str, name: str, values: Mapping[str, Any]) -> str:
    """Return the file with another section of the profile, at its place or at the end."""
    lines = "".join(f"{field} = {json.dumps(value, ensure_ascii=False)}\n" for field, value in values.items())
    section = f"[profiles.{name}]\n{lines}"
    found = re.search(rf"^[ \t]*\[profiles\.(?:{name}|\"{name}\")\][^\n]*\n?", text, re.MULTILINE)
    if found is None:
        return f"{text.rstrip()}\n\n{section}" if text.strip() else section
    following = _HEADER.search(text, found.end())
    rest = f"\n{text[following.start() :]}" if following else ""
    return f"{text[: found.start()]}{section}{rest}"


def _with_choice(text: str, name: str) -> str:
    """Return the file with this profile as the one to use."""
    first = _HEADER.search(text)
    top, rest = (text[: first.start()], text[first.start() :]) if first else (text, "")
    choice = f'profile = "{name}"'
    if _CHOICE.search(top):
        return _CHOICE.sub(choice, top, count=1) + rest
    return "\n".join((choice, top or "", rest)) if rest else f"{choice}\n{top}"


def _write(config_file: Path, text: str, wanted: Mapping[str, Any]) -> None:
    """Replace the file, if `text` means what it should. Raises CLIError."""
    # TOML can be written in ways that a change by lines doesn't see, for example as a dotted key.
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(text) == wanted:
            return _replace(config_file, text)
    raise CLIError(
        "The configuration file can't be changed automatically",
        f"{config_file} is written in a way that this command doesn't understand.",
        "Give each profile a section [profiles.NAME], or edit the file yourself.",
    )


def _replace(config_file: Path, text: str) -> None:
    try:
        config_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A link stays a link: its target is replaced.
        target = config_file.resolve()
        # mkstemp() creates the file with mode 0600.
        descriptor, draft = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            Path(draft).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(draft).unlink()
            raise
    except OSError as error:
        raise CLIError(
            "The configuration file can't be written", f"{config_file}: {error.strerror}.", "Use --config FILE."
        ) from None
