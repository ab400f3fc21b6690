"""The gate that the lock has a complete bill of materials (CycloneDX), which it writes."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
from packaging.utils import canonicalize_name

from gates.lock import SERVER
from gates.requirements import Locked, locked_file
from gates.tree import ROOT, run_tool
from gates.verdict import Gate, Verdict, judged
from latchkey import __version__

WRITTEN: Final = ROOT / "build" / "sbom" / "lock.cdx.json"
_OPTIONS: Final = ("--output-reproducible", "--output-format", "JSON", "--spec-version", "1.6", "--no-validate")


def write(requirements: Path, pyproject: Path, version: str, output: Path) -> None:
    """Writes the bill of what a lock names: the same bytes for the same lock. Raises NoAnswer."""
    done = run_tool("cyclonedx-py", "requirements", *_OPTIONS, "--pyproject", pyproject, requirements, exits=(0,))
    bill = json.loads(done.stdout)
    # The tool does not read a version that pyproject.toml does not hold itself.
    bill["metadata"]["component"]["version"] = version
    # The lock names no index. The tool fills in one of its own as the place where each package came from.
    for component in bill["components"]:
        for reference in component.get("externalReferences", []):
            reference["url"] = component["purl"]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def invalid(text: str) -> list[str]:
    """Where a bill is not CycloneDX 1.6 as its schema has it, strictly."""
    errors = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(text, all_errors=True)
    return [f"is no CycloneDX: {str(error.data.message)[:200]}" for error in errors or ()]


def missing(bill: dict[str, Any], packages: Iterable[Locked]) -> Iterator[str]:
    """The packages that a bill does not hold with their version, or not with all their hashes.

    A package without hashes is looked for by name and version alone.
    """
    held: dict[tuple[str, str], set[str]] = {}
    for component in bill.get("components", []):
        name = canonicalize_name(component["name"])
        held.setdefault((name, component.get("version", "")), set()).update(_hashes(component))
    for it in packages:
        hashes = held.get((it.name, it.version))
        if hashes is None:
            yield f"lacks {it.name} {it.version}"
        elif not it.hashes <= hashes:
            yield f"lacks {len(it.hashes - hashes)} hashes of {it.name} {it.version}"


def _hashes(component: dict[str, Any]) -> Iterator[str]:
    """The SHA-256 of a component and of its distributions."""
    for part in (component, *component.get("externalReferences", [])):
        yield from (it["content"] for it in part.get("hashes", []) if it["alg"] == "SHA-256")


def findings(path: Path, packages: Iterable[Locked]) -> list[str]:
    """What is wrong with a bill that was written."""
    text = path.read_text(encoding="utf-8")
    return [f"{path.name}: {said}" for said in (invalid(text) or missing(json.loads(text), packages))]


def judge() -> Verdict:
    """Writes the bill of this tree's lock and judges it."""
    packages = locked_file(ROOT / SERVER)
    write(ROOT / SERVER, ROOT / "pyproject.toml", __version__, WRITTEN)
    told = f"{len(packages)} packages with their hashes in {WRITTEN.relative_to(ROOT)}"
    return judged(findings(WRITTEN, packages), told)


GATE: Final = Gate("sbom", "the lock has a valid and complete bill of materials", judge)
