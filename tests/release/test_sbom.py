"""The bills of materials are valid and complete."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator

from deploy import sbom
from latchkey import __version__
from tests.release.locked import locked
from tests.support.commands import ROOT


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbom, "PLACE", tmp_path)


def is_valid(path: Path) -> bool:
    validator = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6)
    return validator.validate_str(path.read_text(encoding="utf-8")) is None


def test_lock() -> None:
    path = sbom.lock_bill()
    assert is_valid(path)
    bill = json.loads(path.read_text(encoding="utf-8"))
    assert bill["metadata"]["component"]["version"] == __version__
    held = {
        (it["name"], it["version"]): {
            each["content"] for part in (it, *it["externalReferences"]) for each in part.get("hashes", [])
        }
        for it in bill["components"]
    }
    packages = locked(ROOT / "requirements.txt")
    assert len(packages) > 30
    assert [it.name for it in packages if not it.hashes <= held.get((it.name, it.version), set())] == []


def test_image() -> None:
    path = sbom.image_bill({"django": "5.2"}, {"libssl3": "3.0"})
    assert is_valid(path)
    purls = [it["purl"] for it in json.loads(path.read_text(encoding="utf-8"))["components"]]
    assert purls == ["pkg:pypi/django@5.2", "pkg:deb/debian/libssl3@3.0"]
