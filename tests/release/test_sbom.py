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


@pytest.mark.slow("validates the whole bill of materials")
def test_lock() -> None:
    """cyclonedx-py validates it."""
    bill = json.loads(sbom.lock_bill().read_text(encoding="utf-8"))
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
    text = sbom.image_bill({"django": "5.2"}, {"libssl3": "3.0"}).read_text(encoding="utf-8")
    assert make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(text) is None
    purls = [it["purl"] for it in json.loads(text)["components"]]
    assert purls == ["pkg:pypi/django@5.2", "pkg:deb/debian/libssl3@3.0"]
