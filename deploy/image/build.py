"""`python -m deploy.image.build`: builds the image from this checkout."""

import os
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Final

from deploy.image.base import base_image, declared_base
from deploy.image.commands import ImageError, attempt, run
from deploy.image.engine import ROOT, Engine, engine
from latchkey import __version__

IMAGE: Final = os.environ.get("IMAGE") or f"localhost/latchkey:{__version__}"
BASE_NAME: Final = "org.opencontainers.image.base.name"
BASE_DIGEST: Final = "org.opencontainers.image.base.digest"  # empty if the base was named by a tag
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP_SETTINGS: Final = ("index-url", "extra-index-url", "find-links", "cert", "trusted-host", "proxy")


def build(engine: Engine, image: str = IMAGE) -> str:
    """Build `image` and return the name of its base. Raise ImageError."""
    base = base_image(engine, os.environ.get("PYTHON_IMAGE") or declared_base())
    with tempfile.TemporaryDirectory(prefix="latchkey-build-") as place:
        secrets = _secrets(Path(place))
        arguments = {"PYTHON_IMAGE": base, "VERSION": __version__, "REVISION": revision()}
        options = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        options += [part for name, value in base_labels(base).items() for part in ("--label", f"{name}={value}")]
        run([*engine.build, *options, *secrets, "--tag", image, str(ROOT)], timeout_seconds=1200)
    return base


def base_labels(base: str) -> dict[str, str]:
    """Return the labels of the image that name its base."""
    name, _, digest = base.partition("@")
    return {BASE_NAME: name, BASE_DIGEST: digest}


def revision() -> str:
    """Return the commit of the checkout, with `-dirty` if tracked files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    return attempt(command).stdout.strip() or "unknown"


def is_current(engine: Engine, image: str) -> bool:
    """Return whether the image was built from exactly this commit, without changes to tracked files."""
    label = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    done = attempt([*engine.run, "image", "inspect", "--format", label, image])
    built_from = done.stdout.strip()
    return done.returncode == 0 and built_from == revision() and "-dirty" not in built_from


def _secrets(place: Path) -> list[str]:
    """Return the options that let pip reach this machine's index during the build."""
    listed = attempt([sys.executable, "-m", "pip", "config", "list"]).stdout
    settings: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        if (setting := name.rpartition(".")[2]) in _PIP_SETTINGS:
            settings[setting] = value.strip("'\"").replace("\\n", " ")
    configuration = place / "pip.conf"
    configuration.touch(mode=0o600)
    lines = [f"{name} = {value}\n" for name, value in settings.items()]
    configuration.write_text("[global]\n" + "".join(lines), encoding="utf-8")
    secrets = ["--secret", f"id=pip_conf,src={configuration}"]
    if _CERTIFICATES.is_file():
        secrets += ["--secret", f"id=ca,src={_CERTIFICATES}"]
    return secrets


def main() -> int:
    """Build IMAGE. Return 1, after printing the reason, if that fails."""
    started = monotonic()
    try:
        chosen = engine()
        base = build(chosen)
        size = int(run([*chosen.run, "image", "inspect", "--format", "{{.Size}}", IMAGE]))
    except ImageError as error:
        print(f"latchkey: {error}", file=sys.stderr)
        return 1
    print(f"{IMAGE}: {size / 1e6:.0f} MB on {base}, by {chosen.name}, in {monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
