"""Rules on what installs packages in a Dockerfile: pip alone, by hash, from the index that the machine is set to."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from gates.instructions import Instruction

_COMMANDS: Final = re.compile(r"&&|\|\|?|;|&")
_PIP: Final = re.compile(r"(?:^|[\s/])pip[\d.]*\s+(?:.*\s)?(?:install|download|wheel)(?:\s|$)")
_INDEX: Final = re.compile(
    r"(?:^|\s)(?:-[if]|--(?:index-url|extra-index-url|find-links|trusted-host|proxy|cert|config-settings?))(?:[\s=]|$)"
)
_SETTING: Final = re.compile(r"\b(?:PIP|UV)_[A-Z]\w*")
_OTHER: Final = re.compile(r"(?:^|[\s/])(?:uvx?|pipx|poetry|conda|easy_install[\w.-]*)\s|\bsetup\.py\s+\w*install")


def faults_of_installers(found: Iterable[Instruction]) -> Iterator[tuple[int, str]]:
    """What installs without hashes, names an index, or is no pip."""
    for it in found:
        if it.name in ("ARG", "ENV", "RUN"):
            yield from ((it.line, f"{name}: a setting of an installer is not for the image") for name in _settings(it))
        if it.name == "RUN":
            for command in _COMMANDS.split(it.value):
                yield from ((it.line, said) for said in _faults(command))


def _settings(it: Instruction) -> Iterator[str]:
    yield from dict.fromkeys(_SETTING.findall(it.value))


def _faults(command: str) -> Iterator[str]:
    if other := _OTHER.search(command):
        yield f"{other[0].strip(' /')} installs: use pip with --require-hashes"
    elif _PIP.search(command):
        if "--require-hashes" not in command.split():
            yield "pip installs without --require-hashes"
        if option := _INDEX.search(command):
            yield f"pip is told {option[0].strip(' =')}: a secret mount tells it of an index"
