"""The instructions of a Dockerfile, read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction of a Dockerfile, its lines joined. `name` is in capitals."""

    line: int
    name: str
    value: str


def instructions(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile, in its order."""
    found: list[Instruction] = []
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        begun = begun if parts else number
        parts.append(line.strip().removesuffix("\\"))
        if not line.rstrip().endswith("\\"):
            name, _, value = " ".join(parts).strip().partition(" ")
            found.append(Instruction(begun, name.upper(), value.strip()))
            parts = []
    return found
