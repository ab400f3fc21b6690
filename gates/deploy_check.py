"""The gate that a production environment passes Django's checks for deployment."""

import ast
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Final

from gates.tree import ROOT, last_line
from gates.verdict import Gate, Verdict, judged

SETTINGS: Final = "controlplane/settings.py"
_SILENCED: Final = re.compile(r"no issues \((\d+) silenced\)")
_REASON: Final = re.compile(r"#\s*\S+\s+\S+")


def production(data_dir: Path) -> dict[str, str]:
    """The environment of a server behind HTTPS, with secrets made for this run. What `.env` may set is named here."""
    return {
        "DATA_DIR": str(data_dir),
        "DEBUG": "false",
        "PUBLIC_URL": "https://keys.example.com",
        "SECRET_KEY": token_urlsafe(48),
        "SECRET_PEPPERS": f"p1:{token_hex(32)}",
        "DATABASE_URL": f"sqlite:///{data_dir / 'latchkey.sqlite3'}",
        "BUCKET_STORE_URL": f"lmdb://{data_dir / 'buckets'}",
    }


def silences(text: str) -> dict[str, bool]:
    """The checks that settings silence, and whether a comment on the line of each says why."""
    lines = text.splitlines()
    for node in ast.parse(text).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="SILENCED_SYSTEM_CHECKS")], value=ast.List(elts=checks)):
                return {ast.unparse(it).strip("'"): bool(_REASON.search(lines[it.lineno - 1])) for it in checks}
    return {}


def findings(root: Path, **changes: str) -> list[str]:
    """What the checks say of the production environment with `changes`, and what is wrong with the silences."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
        environment = {**production(Path(directory)), **changes}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    silenced = silences((root / SETTINGS).read_text(encoding="utf-8"))
    found = [f"{SETTINGS}: the silence of {name} says no reason" for name, reason in silenced.items() if not reason]
    if done.returncode:
        said = [
            line.strip() for line in done.stderr.splitlines() if line.startswith(("?: ", "CommandError", "latchkey"))
        ]
        return [*found, *(said or [last_line(done.stderr)])]
    count = _SILENCED.search(done.stdout + done.stderr)
    if count is None or int(count.group(1)) != len(silenced):
        found.append(f"{SETTINGS}: silences {len(silenced)} checks: {last_line(done.stdout + done.stderr)}")
    return found


def judge() -> Verdict:
    """Judges this tree."""
    silenced = silences((ROOT / SETTINGS).read_text(encoding="utf-8"))
    return judged(findings(ROOT), f"no warning; {len(silenced)} silenced, each with a reason and in use")


GATE: Final = Gate("deploy_check", "a production environment passes Django's checks for deployment", judge)
