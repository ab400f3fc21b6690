"""All that a clone gives away: every version of every file, and what commits and tags say."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gates.tree import NoAnswer


@dataclass(frozen=True, slots=True)
class Version:
    """What a file holds today, or held once: `blob` is what git calls that."""

    name: str
    content: bytes
    blob: str = ""

    def place(self, line: int) -> str:
        """Where a line of it is."""
        return f"{self.name} in the history (blob {self.blob[:12]})" if self.blob else f"{self.name}:{line}"


def tracked(root: Path) -> list[str]:
    """The files of the tree that are tracked, or that git would track. Raises NoAnswer."""
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = dict.fromkeys(listed.decode(errors="surrogateescape").split("\0"))
    return [name for name in names if name and (root / name).is_file() and not (root / name).is_symlink()]


def every_version(root: Path) -> Iterator[Version]:
    """The files of today, then those of every commit of every branch and tag, and the messages of those.

    Raises NoAnswer, also for a shallow clone.
    """
    if git(root, "rev-parse", "--is-shallow-repository").strip() != b"false":
        raise NoAnswer("the history is not whole: fetch all of it (fetch-depth: 0)")
    for name in tracked(root):
        yield Version(name, (root / name).read_bytes())
    yield from _kept(root)


def git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git says. Raises NoAnswer where it is not there, or `root` is not a checkout."""
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, input=given, capture_output=True, check=True)  # noqa: S603 - our own command
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoAnswer(f"git {arguments[0]}: {error}") from None
    return done.stdout


def _kept(root: Path) -> Iterator[Version]:
    """Each blob of the history, by one of its paths, and each message of a commit or a tag."""
    listed = git(root, "rev-list", "--objects", "--all").decode(errors="surrogateescape").splitlines()
    named = [(it, name) for it, _, name in (line.partition(" ") for line in listed)]
    answer = git(root, "cat-file", "--batch", given="".join(f"{it}\n" for it, _ in named).encode())
    at = 0
    for it, name in named:
        begins = answer.index(b"\n", at) + 1
        _, kind, size = answer[at : begins - 1].split()
        at = begins + int(size) + 1
        if kind == b"blob":
            yield Version(name, answer[begins : at - 1], it)
        elif kind in (b"commit", b"tag"):
            yield Version(f"{kind.decode()} {it[:12]}", answer[begins : at - 1].partition(b"\n\n")[2])
