"""The gate that what lies in the image is what the lock names, and its bill of materials (CycloneDX)."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from gates.image.debian import STATUS
from gates.image.shipped import VENV, Shipped
from gates.lock import SERVER
from gates.requirements import locked_file
from gates.sbom import invalid
from gates.tree import ROOT
from gates.verdict import Verdict, judged
from latchkey import __version__

WRITTEN: Final = ROOT / "build" / "sbom" / "image.cdx.json"
_INSTALLED: Final = re.compile(rf"^{VENV}/lib/python3\.\d+/site-packages/([^/]+)-([^/-]+)\.dist-info/METADATA$")


def bill(image: Shipped) -> Verdict:
    """What is installed is what was locked; the bill names that and Debian's packages."""
    python, debian = dict(_installed(image)), dict(_debian(image.text(STATUS)))
    locked = {it.name: it.version for it in locked_file(ROOT / SERVER)}
    found = [
        f"{name} {version} is installed, and {locked.get(name, 'not')} locked"
        for name, version in python.items()
        if locked.get(name) != version
    ]
    found += [f"{name} is missing" for name in ("django", "gunicorn", "lmdb") if name not in python]
    write(WRITTEN, python, debian)
    found += invalid(WRITTEN.read_text(encoding="utf-8"))
    told = f"{len(python)} of Python as locked and {len(debian)} of Debian in {WRITTEN.relative_to(ROOT)}"
    return judged(found, told)


def write(output: Path, python: Mapping[str, str], debian: Mapping[str, str]) -> None:
    """Writes the bill: the same bytes for the same image."""
    components = [_component(f"pkg:pypi/{name}@{version}", name, version) for name, version in sorted(python.items())]
    components += [
        _component(f"pkg:deb/debian/{name}@{version}", name, version) for name, version in sorted(debian.items())
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "container", "bom-ref": "latchkey", "name": "latchkey", "version": __version__}
        },
        "components": components,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _component(purl: str, name: str, version: str) -> dict[str, Any]:
    return {"type": "library", "bom-ref": purl, "purl": purl, "name": name, "version": version}


def _installed(image: Shipped) -> Iterator[tuple[str, str]]:
    for entry in image.files:
        if found := _INSTALLED.match(entry.name):
            yield canonicalize_name(found.group(1)), found.group(2)


def _debian(status: str) -> Iterator[tuple[str, str]]:
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Status): (.+)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            yield fields["Package"], fields["Version"]
