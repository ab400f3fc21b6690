"""The layers of an image, each with all of its files, also those that a later one hides."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gates.image.commands import ImageError, run
from gates.image.engine import Engine


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer in the archive of an image that was saved."""

    archive: Path
    name: str

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The path and the content of each regular file. Raises ImageError where it cannot be read."""
        try:
            with tarfile.open(self.archive) as archive, tarfile.open(fileobj=archive.extractfile(self.name)) as layer:
                for entry in layer:
                    if entry.isfile() and (file := layer.extractfile(entry)):
                        yield entry.name.removeprefix("./"), file.read()
        except tarfile.TarError as error:
            raise ImageError(f"layer {self.name}: {error}") from None


def saved(engine: Engine, image: str, place: Path) -> tuple[Layer, ...]:
    """The layers of an image, saved in a directory. Raises ImageError."""
    archive = place / "layers.tar"
    kind = ("--format", "docker-archive") if engine.name == "podman" else ()
    run([*engine.run, "save", *kind, "--output", str(archive), image])
    with tarfile.open(archive) as opened:
        manifest = opened.extractfile("manifest.json")
        (described,) = json.load(manifest) if manifest else ({"Layers": []},)
    return tuple(Layer(archive, name) for name in described["Layers"])
