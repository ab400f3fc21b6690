"""Installations for backup tests: a data directory with its own database, with or without a running server."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from backup.manifest import with_digest
from tests.support.server import RunningServer, issue

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]


@dataclass
class Installation(RunningServer):
    """A server that need not run, whose stores are those of its settings, in each run of the suite."""

    workers: int = 2

    def stores(self, *, migrated: bool = False) -> dict[str, str]:
        return {}

    def run_json(self, *arguments: str) -> Any:
        """What a command writes as JSON."""
        return json.loads(self.manage(*arguments, "--format", "json").stdout)

    def refused(self, *arguments: str, **options: Any) -> tuple[int, str]:
        """The exit status of a command that is refused, and its one line."""
        done = self.manage(*arguments, check=False, **options)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    def new_key(self, *arguments: str) -> dict[str, Any]:
        return issue(self, "--label", "a key", *arguments)

    def whoami(self, key: dict[str, Any]) -> httpx.Response:
        return httpx.get(f"{self.url}/v1/whoami", headers={"X-API-Key": key["credential"]})

    def used(self, key: dict[str, Any]) -> int:
        """The requests of the key that the ledger has, once all is written down."""
        self.manage("steward", "--once")
        program = (
            "from apikeys.models import Usage; from django.db.models import Sum;"
            f"rows = Usage.objects.filter(key__key_id='{key['key_id']}', step='minute');"
            "print(rows.aggregate(n=Sum('allowed') + Sum('throttled'))['n'] or 0)"
        )
        return int(self.manage("shell", "-v0", "-c", program).stdout)


def damage(path: Path) -> None:
    """Changes one byte in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0xFF]))


def change_manifest(backup: Path, **changes: Any) -> None:
    """Change members of a manifest, and its digest with them."""
    path = backup / "manifest.json"
    members = {**json.loads(path.read_text()), **changes}
    del members["sha256"]
    path.write_text(with_digest(members))
