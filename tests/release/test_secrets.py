"""No secret is in the tree, and none of Latchkey's in its history."""

import json
import subprocess
from secrets import token_hex, token_urlsafe

import pytest
from detect_secrets.core import baseline
from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.secrets_collection import SecretsCollection
from django.core.management.utils import get_random_secret_key

from latchkey.credentials import generate_secret
from tests.release.secret_patterns import secrets_in
from tests.support.commands import ROOT
from tests.support.services import unavailable

BASELINE = ROOT / ".secrets.baseline"
PRIVATE_KEY = "-----BEGIN {}PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n" * 2


def git(*arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, input=given, check=True, capture_output=True).stdout


@pytest.mark.slow("reads every file")
def test_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """.secrets.baseline lists what looks like a secret and isn't one. It has no entry that doesn't exist any more."""
    monkeypatch.chdir(ROOT)
    allowed = baseline.load(json.loads(BASELINE.read_text(encoding="utf-8")))
    found = SecretsCollection()
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0"):
        if (ROOT / name).is_file():
            found.scan_file(name)
            content = (ROOT / name).read_bytes()
            assert [it for it in secrets_in(content) if it[1] == "private key"] == [], name
    assert [f"{name}:{it.line_number}: {it.type}" for name, it in found - allowed] == []
    assert [f"{name}:{it.line_number}: {it.type}" for name, it in allowed - found] == []


@pytest.mark.slow("reads every commit")
def test_history() -> None:
    """In any version of a file, and in the messages of commits and tags."""
    if git("rev-parse", "--is-shallow-repository").strip() != b"false":
        unavailable("the history is not complete: fetch all of it (fetch-depth: 0)")
    names = [line.split(b" ")[0] for line in git("rev-list", "--objects", "--all").splitlines()]
    objects = git("cat-file", "--batch", given=b"\n".join(names) + b"\n")
    listed = json.loads(BASELINE.read_text(encoding="utf-8"))["results"].values()
    allowed = {it["hashed_secret"] for entries in listed for it in entries}
    found = [(kind, PotentialSecret.hash_secret(text)) for _, kind, text in secrets_in(objects)]
    assert [it for it in found if it[1] not in allowed] == []


@pytest.mark.parametrize(
    "text",
    [
        f"the secret {generate_secret()}.",
        PRIVATE_KEY.format("EC "),
        PRIVATE_KEY.format("").replace("\n", "\\n"),
        PRIVATE_KEY.format("").replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\n"),
        f"SECRET_KEY={token_urlsafe(48)}",
        f"  SECRET_KEY: '{get_random_secret_key()}'",
        f'"SECRET_PEPPERS": "p1:{token_hex(32)}"',
        f"whsec_{'Ab3+' * 8}",
    ],
    ids=["key", "private", "escaped", "encrypted", "setting", "django", "peppers", "webhook"],
)
def test_secret_is_found(text: str) -> None:
    ((line, _, _),) = secrets_in(b"one\n" + text.encode() + b"\n")
    assert line == 2


@pytest.mark.parametrize(
    "text",
    [
        "SECRET_KEY=$(openssl rand -base64 48)",
        'SECRET_KEY = "{{ secret_key_of_this_project_and_of_no_other }}"',
        'file.write(f"SECRET_KEY={secrets.token_urlsafe(48)}")',
        "SECRET_PEPPERS=p2:NEW_HEX,p1:OLD_HEX",
        "lk_abcdefghij01:lks_ukRT…",
        "lks_" + "0" * 49,
        "-----BEGIN PRIVATE KEY-----\n…",
    ],
)
def test_placeholder_is_not_found(text: str) -> None:
    assert list(secrets_in(text.encode())) == []
