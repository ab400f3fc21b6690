"""An image as it is published: its configuration, its files and its layers."""

import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deploy.image.commands import clean_up, run
from deploy.image.engine import Engine

APP = "opt/latchkey/app/"
VENV = "opt/latchkey/venv/"


@dataclass(frozen=True)
class Image:
    """An image. What takes long is read when it is first used, into `place`; raises ImageError then."""

    engine: Engine
    name: str
    configuration: dict[str, Any]
    place: Path

    @property
    def labels(self) -> dict[str, str]:
        return self.configuration.get("Labels") or {}

    def steps(self) -> list[str]:
        """Return the build steps that the image records."""
        return run([*self.engine.run, "history", "--no-trunc", "--format", "{{.CreatedBy}}", self.name]).splitlines()

    @cached_property
    def archive(self) -> Path:
        """A tar archive of all files."""
        archive = self.place / "files.tar"
        container = run([*self.engine.run, "create", "--pull", "never", self.name]).strip().splitlines()[-1]
        try:
            run([*self.engine.run, "export", "--output", str(archive), container])
        finally:
            clean_up([*self.engine.run, "rm", "--force", "--volumes", container])
        return archive

    @cached_property
    def entries(self) -> list[tarfile.TarInfo]:
        with tarfile.open(self.archive) as opened:
            return opened.getmembers()

    @cached_property
    def files(self) -> list[tarfile.TarInfo]:
        return [entry for entry in self.entries if entry.isfile()]

    def text(self, path: str) -> str:
        with tarfile.open(self.archive) as archive:
            found = archive.extractfile(path)
            assert found is not None, path
            return found.read().decode()

    def layers(self) -> Iterator[Iterator[tuple[str, bytes]]]:
        """Return the path and content of each file, layer by layer, including files that a later layer hides."""
        saved = self.place / "layers.tar"
        kind = ("--format", "docker-archive") if self.engine.name == "podman" else ()
        run([*self.engine.run, "save", *kind, "--output", str(saved), self.name])
        with tarfile.open(saved) as archive:
            manifest = archive.extractfile("manifest.json")
            assert manifest is not None
            for name in json.load(manifest)[0]["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                    yield _contents(layer)


def _contents(layer: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for entry in layer:
        if entry.isfile() and (file := layer.extractfile(entry)):
            yield entry.name.removeprefix("./"), file.read()


@contextmanager
def opened(engine: Engine, name: str) -> Iterator[Image]:
    """Inspect an image; its temporary files are removed at the end. Raise ImageError if it doesn't exist."""
    inspected = json.loads(run([*engine.run, "image", "inspect", name]))[0]
    # Docker has the health check in the configuration, podman next to it.
    configuration = {"Healthcheck": inspected.get("Healthcheck"), **inspected["Config"]}
    with tempfile.TemporaryDirectory(prefix="latchkey-image-") as place:
        yield Image(engine, name, {**configuration, "Layers": inspected["RootFS"]["Layers"]}, Path(place))
