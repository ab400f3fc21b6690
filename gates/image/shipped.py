"""An image as it would be shipped: its configuration and its files."""

import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gates.image.commands import run, tidy
from gates.image.engine import Engine
from gates.image.layers import Layer, saved

APP = "opt/latchkey/app"
VENV = "opt/latchkey/venv"


@dataclass(frozen=True)
class Shipped:
    """An image: its configuration, the steps that made it, its files, as in the archive of them, and its layers.

    What takes long to get is got in `place` when it is first asked for. Raises ImageError then.
    """

    engine: Engine
    image: str
    configuration: dict[str, Any]
    steps: tuple[str, ...]
    place: Path

    @cached_property
    def archive(self) -> Path:
        """All files of the image."""
        archive = self.place / "image.tar"
        container = run([*self.engine.run, "create", "--pull", "never", self.image]).strip().splitlines()[-1]
        try:
            run([*self.engine.run, "export", "--output", str(archive), container])
        finally:
            tidy([*self.engine.run, "rm", "--force", "--volumes", container])
        return archive

    @cached_property
    def entries(self) -> tuple[tarfile.TarInfo, ...]:
        """What the archive has."""
        with tarfile.open(self.archive) as opened:
            return tuple(opened.getmembers())

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, from the first to the last."""
        return saved(self.engine, self.image, self.place)

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
    inspected = json.loads(run([*engine.run, "image", "inspect", image]))[0]
    # Docker has the health check in the configuration, podman beside it.
    configuration = {"Healthcheck": inspected.get("Healthcheck"), **inspected["Config"]}
    steps = run([*engine.run, "history", "--no-trunc", "--format", "{{.CreatedBy}}", image]).splitlines()
    with tempfile.TemporaryDirectory(prefix="latchkey-image-") as place:
        yield Shipped(engine, image, configuration, tuple(steps), Path(place))
