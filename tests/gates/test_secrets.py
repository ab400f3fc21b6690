import json
import subprocess
from pathlib import Path
from secrets import token_hex, token_urlsafe

import pytest
from django.core.management.utils import get_random_secret_key

from gates import secrets
from gates.history import every_version, git
from gates.secret_rules import digest_of, suspects
from gates.secrets import ALLOWED, findings
from gates.tree import NoAnswer
from gates.verdict import Outcome
from latchkey.credentials import generate_secret

PRIVATE_KEY = "-----BEGIN {}PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n" * 2
AWS = "AKIA" + "Q3EGRIUZ7TBXWJ5L"

PLANTED: list[tuple[str, str | bytes, str]] = [
    ("docs/page.md", f"One\n\nthe secret {generate_secret()}.\n", "Latchkey secret lks_"),
    ("tests/test_it.py", f'SECRET = "{generate_secret()}"\n', "Latchkey secret lks_"),
    ("image.bin", b"\x00\xff" + generate_secret().encode() + b"\x00", "Latchkey secret lks_"),
    ("deploy/key.pem", PRIVATE_KEY.format(""), "private key"),
    ("tests/key.pem", PRIVATE_KEY.format("EC "), "private key"),
    ("key.txt", PRIVATE_KEY.format("OPENSSH "), "private key"),
    (".env.example", f"SECRET_KEY={token_urlsafe(48)}\n", "value of SECRET_KEY"),
    ("deploy/compose.yml", f"  SECRET_PEPPERS: p1:{token_hex(32)}\n", "value of SECRET_PEPPERS"),
    ("app/settings.py", "SECRET_KEY = 'just-a-few-words-of-mine'\n", "value of SECRET_KEY"),
    ("app/aws.py", f'KEY = "{AWS}"\n', "AWS Access Key"),
    ("tests/aws.py", f'KEY = "{AWS}"  # pragma: allowlist secret\n', "AWS Access Key"),
    ("app/url.py", 'URL = "https://ada:lovelace1815@example.com/"\n', "Basic Auth Credentials"),
    ("app/token.py", f'TOKEN = "{token_hex(32)}"\n', "Hex High Entropy String"),
]


class Checkout:
    """A repository of its own, to plant secrets in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._git("init", "--quiet")
        self.allow({})

    def _git(self, *arguments: str) -> None:
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *who, *arguments], cwd=self.root, check=True, capture_output=True)

    def write(self, name: str, text: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def allow(self, reasons: dict[str, str]) -> None:
        self.write(ALLOWED, json.dumps(reasons))

    def commit(self) -> None:
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "a change")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.slow("reads every commit")
def test_this_tree() -> None:
    verdict = secrets.judge()
    assert verdict.outcome is not Outcome.FAILED, verdict


@pytest.mark.parametrize(("name", "text", "kind"), PLANTED, ids=[name for name, _, _ in PLANTED])
@pytest.mark.parametrize("gone", [False, True], ids=["today", "history"])
def test_planted(checkout: Checkout, name: str, text: str | bytes, kind: str, *, gone: bool) -> None:
    checkout.commit()
    assert findings(checkout.root) == []
    checkout.write(name, text)
    checkout.commit()
    if gone:
        (checkout.root / name).unlink()
        checkout.commit()
    found = findings(checkout.root)
    assert any(it.startswith(f"{name} in the history (blob " if gone else f"{name}:") for it in found), found
    assert any(f": {kind}" in it for it in found), found


def test_a_key_below_a_heading_that_stood_there_before(checkout: Checkout) -> None:
    checkout.write("docs/page.md", "-----BEGIN PRIVATE KEY-----\n…\n")
    checkout.commit()
    checkout.write("docs/page.md", PRIVATE_KEY.format(""))
    checkout.commit()
    checkout.write("docs/page.md", "-----BEGIN PRIVATE KEY-----\n…\n")
    (found,) = findings(checkout.root)
    assert "private key" in found


def test_no_finding_shows_the_secret(checkout: Checkout) -> None:
    secret, pepper = generate_secret(), token_hex(32)
    checkout.write("page.md", f"{secret}\nSECRET_PEPPERS=p1:{pepper}\n")
    told = "\n".join(findings(checkout.root))
    assert told.count("page.md:1: Latchkey secret") == 1
    assert told.count("page.md:2: value of SECRET_PEPPERS") == 1
    assert secret[8:] not in told
    assert pepper not in told


def test_a_file_that_is_not_tracked_yet_counts_and_an_ignored_one_does_not(checkout: Checkout) -> None:
    checkout.write(".gitignore", ".env\n")
    checkout.write(".env", f"SECRET_KEY={token_urlsafe(48)}\n")
    assert findings(checkout.root) == []
    checkout.write("other.env", f"SECRET_KEY={token_urlsafe(48)}\n")
    assert [it.partition(":")[0] for it in findings(checkout.root)] == ["other.env"]


def test_another_branch_counts(checkout: Checkout) -> None:
    checkout.commit()
    checkout._git("switch", "--quiet", "--create", "other")
    checkout.write("page.md", generate_secret())
    checkout.commit()
    checkout._git("switch", "--quiet", "-")
    assert len(findings(checkout.root)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "SECRET_KEY=\nSECRET_PEPPERS=\n",
        "SECRET_KEY = env.secret_key(debug=DEBUG)\n",
        'SECRET_KEY = "{{ secret_key_of_this_project }}"\n',
        "SECRET_PEPPERS=p2:NEW_HEX,p1:OLD_HEX\n",
        "SECRET_KEY=$(openssl rand -base64 48)\n",
        "SECRET_KEY: ${SECRET_KEY_OF_THIS_SERVER}\n",
        "lk_abcdefghij01:lks_ukRT…\n",
        "lks_" + "0" * 49 + "\n",
        "-----BEGIN PRIVATE KEY-----\n…\n",
        "postgres://latchkey:PASSWORD@db.example.com:5432/latchkey\n",
        f"thing==1.0 --hash=sha256:{token_hex(32)}\n",
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_secret(checkout: Checkout, text: str) -> None:
    checkout.write("docs/page.md", text)
    assert findings(checkout.root) == []


def test_settings_of_tests_are_made_up(checkout: Checkout) -> None:
    checkout.write(
        "tests/support/environment.py", "SECRET_KEY=a-key-for-tests-0123456789\nURL = 'amqp://u:hunter22@h/'\n"
    )
    assert findings(checkout.root) == []


def test_what_is_allowed(checkout: Checkout) -> None:
    secret = generate_secret()
    checkout.write("page.md", secret)
    checkout.allow({digest_of(secret): "of a server that is no more"})
    assert findings(checkout.root) == []
    checkout.allow({digest_of(secret): ""})
    assert findings(checkout.root) == [f"{ALLOWED}: {digest_of(secret)} has no reason"]


def test_what_is_allowed_for_nothing(checkout: Checkout) -> None:
    checkout.allow({"0" * 40: "it was there once"})
    assert findings(checkout.root) == [f"{ALLOWED}: {'0' * 40} is nowhere, take it out"]


def test_messages_of_commits_and_tags_count(checkout: Checkout) -> None:
    checkout.commit()
    secret = generate_secret()
    checkout._git("commit", "--quiet", "--allow-empty", "--message", f"It works\n\nwith {secret}")
    (found,) = findings(checkout.root)
    assert found.startswith("commit ")
    assert ":3: Latchkey secret" in found
    checkout._git("commit", "--quiet", "--amend", "--allow-empty", "--message", "It works")
    assert findings(checkout.root) == []
    checkout._git("tag", "--annotate", "v1", "--message", f"see https://ada:lovelace1815@example.com/ and {secret}")
    assert [it.partition(" ")[0] for it in findings(checkout.root)] == ["tag", "tag"]


def test_a_shallow_clone_is_not_judged(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> None:
    checkout.commit()
    checkout.write("page.md", "more")
    checkout.commit()
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "--quiet", "--depth", "1", checkout.root.as_uri(), ".")
    with pytest.raises(NoAnswer, match="the history is not whole"):
        list(every_version(clone))


def test_what_is_no_checkout_is_not_judged(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match="git rev-parse"):
        list(every_version(tmp_path))


def test_generated_values_are_found_however_they_came_out() -> None:
    for _ in range(300):
        for value in (token_urlsafe(48), get_random_secret_key(), f"p1:{token_hex(32)}"):
            assert [it.kind for it in suspects(f"SECRET_KEY={value}\n".encode())] == ["value of SECRET_KEY"], value


@pytest.mark.parametrize(
    "text",
    [
        "SECRET_KEY = settings.SECRET_KEY_OF_ALL",
        "SECRET_KEY = os.environ.get('SECRET_KEY')",
        "SECRET_PEPPERS=configured_peppers()",
        "x = dict(SECRET_KEY=a_name_of_a_variable)",
        'file.write(f"SECRET_KEY={secrets.token_urlsafe(48)}")',
        '"SECRET_PEPPERS": f"p1:{token_hex(32)}",',
        "SECRET_KEY: Use 50 or more characters",
    ],
)
def test_code_is_no_value(text: str) -> None:
    assert list(suspects(text.encode())) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\\n"),
        ("\n", "\r\n"),
        ("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\n"),
        ("-----\n", "-----\\n' +\n    '"),
    ],
)
def test_other_ways_to_write_a_key(old: str, new: str) -> None:
    (found,) = suspects(PRIVATE_KEY.format("").replace(old, new).encode())
    assert found.kind == "private key"
