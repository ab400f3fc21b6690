"""An image as it would be shipped: its configuration and its files."""

import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gates.image.commands import run, tidy
from gates.image.engine import Engine
from gates.image.layers import Layer, saved

APP = "opt/latchkey/app"
VENV = "opt/latchkey/venv"


@dataclass(frozen=True, slots=True)
class Shipped:
    """An image: its configuration, the steps that made it, its files, as in the archive of them, and its layers."""

    engine: Engine
    image: str
    configuration: dict[str, Any]
    steps: tuple[str, ...]
    entries: tuple[tarfile.TarInfo, ...]
    archive: Path
    layers: tuple[Layer, ...]

    @property
    def files(self) -> list[tarfile.TarInfo]:
        """The regular files."""
        return [entry for entry in self.entries if entry.isfile()]

    def text(self, path: str) -> str:
        """A file's text. Raises KeyError where there is none."""
        with tarfile.open(self.archive) as archive:
            found = archive.extractfile(path)
            if found is None:
                raise KeyError(path)
            return found.read().decode()

    def bytes_below(self, prefix: str) -> int:
        """How many bytes lie below `prefix`."""
        return sum(entry.size for entry in self.files if entry.name.startswith(prefix))


@contextmanager
def shipped(engine: Engine, image: str) -> Iterator[Shipped]:
    """An image, taken apart for as long as it is judged. Raises ImageError where there is none."""
    with tempfile.TemporaryDirectory(prefix="latchkey-image-") as place:
        archive = Path(place) / "image.tar"
        container = run([*engine.run, "create", "--pull", "never", image]).strip().splitlines()[-1]
        try:
            configuration = json.loads(run([*engine.run, "inspect", container]))[0]["Config"]
            run([*engine.run, "export", "--output", str(archive), container])
        finally:
            tidy([*engine.run, "rm", "--force", "--volumes", container])
        with tarfile.open(archive) as opened:
            entries = tuple(opened.getmembers())
        steps = run([*engine.run, "history", "--no-trunc", "--format", "{{.CreatedBy}}", image]).splitlines()
        yield Shipped(engine, image, configuration, tuple(steps), entries, archive, saved(engine, image, Path(place)))
