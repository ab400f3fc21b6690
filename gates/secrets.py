"""The gate that no secret stands in the tree or in its history."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

from gates.history import Version, every_version
from gates.secret_rules import suspects
from gates.tree import ROOT
from gates.verdict import Gate, Verdict, judged

ALLOWED: Final = "gates/allowed_secrets.json"
# The one tells secrets by the names beside them, which in a program about keys are everywhere; ruff's S105 to S107 look
# for such values in the code. The other takes a heading for a private key; our own rule asks for what is below it.
_NO_USE: Final = ("KeywordDetector", "PrivateKeyDetector")
# Texts may be marked as allowed in one place, with a reason, and nothing here is sent to a service.
_OFF: Final = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.common.is_ignored_due_to_verification_policies",
)
_MADE_UP: Final = {
    "detect_secrets.filters.regex.should_exclude_line": [r"--hash=sha256:[0-9a-f]{64}", r"sha(?:256|512)[:-]\w{43,}"],
    "detect_secrets.filters.regex.should_exclude_secret": [r"^PASSWORD$"],
}
# Tests sign in and connect with passwords that are made up for them.
_OF_TESTS: Final = "Basic Auth Credentials"
_TESTS: Final = "tests/"


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret in a file, where it was met first."""

    name: str
    place: str
    kind: str
    digest: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind} (hash {self.digest})"


def of_own_rules(versions: Iterable[Version]) -> Iterator[Finding]:
    """What our own rules find."""
    for version in versions:
        for it in suspects(version.content, settings=not version.name.startswith(_TESTS)):
            yield Finding(version.name, version.place(it.line), it.kind, it.digest)


def of_detectors(versions: Iterable[Version]) -> Iterator[Finding]:
    """What detect-secrets finds. A line that several versions of a file have is looked at once."""
    lines: dict[str, dict[bytes, str]] = {}
    for version in versions:
        held = lines.setdefault(version.name, {})
        for number, line in enumerate(version.content.splitlines(), 1):
            held.setdefault(line, version.place(number))
    lines.pop(ALLOWED, None)  # it is made of hashes
    with tempfile.TemporaryDirectory() as directory, default_settings() as settings:
        settings.disable_plugins(*_NO_USE)
        settings.disable_filters(*_OFF)
        settings.filters |= {path: {"pattern": patterns} for path, patterns in _MADE_UP.items()}
        for name, held in lines.items():
            copy = Path(directory, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(b"\n".join(held))
            places = list(held.values())
            for told in scan_file(str(copy)):
                if not (told.type == _OF_TESTS and name.startswith(_TESTS)):
                    yield Finding(name, places[told.line_number - 1], told.type, told.secret_hash)


def found_in(versions: Sequence[Version]) -> list[Finding]:
    """The secrets in the versions of files, each once for a file, by their places."""
    found: dict[tuple[str, str], Finding] = {}
    for it in (*of_own_rules(versions), *of_detectors(versions)):
        found.setdefault((it.name, it.digest), it)
    return sorted(found.values(), key=str)


def allowed(root: Path) -> dict[str, str]:
    """The hashes of texts that look like secrets and are none, each with the reason."""
    found: dict[str, str] = json.loads((root / ALLOWED).read_text(encoding="utf-8"))
    return found


def findings(root: Path) -> list[str]:
    """The secrets that are not allowed, and what is allowed without a reason or for nothing. Raises NoAnswer."""
    reasons = allowed(root)
    found = found_in(list(every_version(root)))
    met = {it.digest for it in found}
    return [
        *(str(it) for it in found if it.digest not in reasons),
        *(f"{ALLOWED}: {digest} has no reason" for digest, reason in reasons.items() if len(reason.split()) < 2),
        *(f"{ALLOWED}: {digest} is nowhere, take it out" for digest in reasons if digest not in met),
    ]


def judge() -> Verdict:
    """Judges this tree and its history."""
    return judged(findings(ROOT), f"none in the tree or its history; {len(allowed(ROOT))} texts are allowed")


GATE: Final = Gate("secrets", "no secret stands in the tree or in its history", judge)
