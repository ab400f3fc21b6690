"""Software bills of materials (CycloneDX): `python -m deploy.sbom` writes the one of the lock."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deploy.image.engine import ROOT
from latchkey import __version__

PLACE: Final = ROOT / "build" / "sbom"
_OPTIONS: Final = ("--output-reproducible", "--output-format", "JSON", "--spec-version", "1.6")


def lock_bill() -> Path:
    """Write the bill of requirements.txt: the same bytes for the same lock. Raise CalledProcessError."""
    program = Path(sys.executable).parent / "cyclonedx-py"
    command = [str(program), "requirements", *_OPTIONS, "--pyproject", "pyproject.toml", "requirements.txt"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own command
    bill = json.loads(done.stdout)
    # The tool does not follow `dynamic = ["version"]`.
    bill["metadata"]["component"]["version"] = __version__
    return _write("lock.cdx.json", bill)


def image_bill(python: Mapping[str, str], debian: Mapping[str, str]) -> Path:
    """Write the bill of an image with these packages, each with its version: the same bytes for the same packages."""
    packages = [(f"pkg:pypi/{name}@{version}", name, version) for name, version in sorted(python.items())]
    packages += [(f"pkg:deb/debian/{name}@{version}", name, version) for name, version in sorted(debian.items())]
    component = {"type": "container", "bom-ref": "latchkey", "name": "latchkey", "version": __version__}
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component},
        "components": [
            {"type": "library", "bom-ref": purl, "purl": purl, "name": name, "version": version}
            for purl, name, version in packages
        ],
    }
    return _write("image.cdx.json", bill)


def _write(name: str, bill: dict[str, Any]) -> Path:
    PLACE.mkdir(parents=True, exist_ok=True)
    (PLACE / name).write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return PLACE / name


if __name__ == "__main__":
    print(lock_bill().relative_to(ROOT))
