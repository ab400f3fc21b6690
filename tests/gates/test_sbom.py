import copy
import json
from pathlib import Path
from typing import Any

import pytest

from gates import sbom
from gates.lock import SERVER
from gates.requirements import locked_file
from gates.tree import ROOT, NoAnswer
from gates.verdict import Outcome
from latchkey import __version__

PACKAGES = locked_file(ROOT / SERVER)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sbom") / "new" / "lock.cdx.json"
    sbom.write(ROOT / SERVER, ROOT / "pyproject.toml", __version__, path)
    return path


@pytest.fixture
def bill(written: Path) -> Any:
    return copy.deepcopy(json.loads(written.read_text()))


def test_this_tree() -> None:
    verdict = sbom.judge()
    assert verdict.outcome is Outcome.PASSED, verdict
    assert sbom.WRITTEN.is_file()


def test_what_it_is_a_bill_of(bill: Any) -> None:
    root = bill["metadata"]["component"]
    assert (root["name"], root["version"], root["licenses"][0]["license"]["id"]) == ("latchkey", __version__, "MIT")
    assert len(bill["components"]) == len(PACKAGES)
    assert all(it["purl"] == f"pkg:pypi/{it['name']}@{it['version']}" for it in bill["components"])


@pytest.mark.slow("runs release tools")
def test_the_same_lock_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    sbom.write(ROOT / SERVER, ROOT / "pyproject.toml", __version__, again)
    assert again.read_bytes() == written.read_bytes()


def test_it_names_no_index(bill: Any) -> None:
    addresses = [it["url"] for part in bill["components"] for it in part["externalReferences"]]
    assert addresses
    assert [it for it in addresses if "://" in it] == []


def test_a_package_that_is_missing(bill: Any) -> None:
    gone = bill["components"].pop(3)
    assert list(sbom.missing(bill, PACKAGES)) == [f"lacks {gone['name']} {gone['version']}"]


def test_another_version(bill: Any) -> None:
    name, version = bill["components"][3]["name"], bill["components"][3]["version"]
    bill["components"][3]["version"] = "0"
    assert list(sbom.missing(bill, PACKAGES)) == [f"lacks {name} {version}"]


def test_a_hash_that_is_missing(bill: Any) -> None:
    component = bill["components"][3]
    component["externalReferences"][0]["hashes"].pop()
    assert list(sbom.missing(bill, PACKAGES)) == [f"lacks 1 hashes of {component['name']} {component['version']}"]


@pytest.mark.slow("runs release tools")
@pytest.mark.parametrize(
    "fault",
    [
        lambda bill: bill.pop("bomFormat"),
        lambda bill: bill["components"][0].pop("name"),
        lambda bill: bill["components"][0].update(type="thing"),
        lambda bill: bill.update(unheard=1),
        lambda bill: bill["components"][0]["externalReferences"][0]["hashes"][0].update(content="x"),
    ],
)
def test_what_is_no_cyclonedx(bill: Any, fault: Any, tmp_path: Path) -> None:
    fault(bill)
    path = tmp_path / "lock.cdx.json"
    path.write_text(json.dumps(bill))
    found = sbom.findings(path, PACKAGES)
    assert found
    assert all(it.startswith("lock.cdx.json: is no CycloneDX: ") for it in found)


def test_what_is_no_lock(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match="cyclonedx-py"):
        sbom.write(tmp_path / "missing.txt", ROOT / "pyproject.toml", __version__, tmp_path / "lock.cdx.json")
