"""`latchkey login` and `profile`, with a real server, with and without a keyring."""

import json
import stat
from pathlib import Path

import pytest

from tests.latchkey.cli.running import Latchkey
from tests.latchkey.cli.terminal import on_terminal

pytestmark = pytest.mark.slow("runs the installed command many times")

KEYRING = '''"""A keyring with the interface of the package, which keeps its entries in a file of the test."""
import json, os
from pathlib import Path

_FILE = Path(os.environ["TEST_KEYRING"])

class _Backend:
    priority = float(os.environ.get("TEST_KEYRING_PRIORITY", "5"))

def get_keyring():
    return _Backend()

def _entries():
    return json.loads(_FILE.read_text()) if _FILE.exists() else {}

def get_password(service, name):
    if os.environ.get("TEST_KEYRING_LOCKED"):
        raise RuntimeError("the secret is lks_" + "0" * 49)
    return _entries().get(service + "/" + name)

def delete_password(service, name):
    _FILE.write_text(json.dumps({entry: key for entry, key in _entries().items() if entry != service + "/" + name}))

def set_password(service, name, password):
    _FILE.write_text(json.dumps({**_entries(), service + "/" + name: password}))
'''


@pytest.fixture
def bare(latchkey: Latchkey) -> Latchkey:
    """The command without a server and a key in its environment."""
    return latchkey.with_key(None).at("")


@pytest.fixture
def keyring(tmp_path: Path) -> dict[str, str]:
    """The environment in which the package keyring is installed."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "keyring.py").write_text(KEYRING)
    return {"PYTHONPATH": str(tmp_path / "packages"), "TEST_KEYRING": str(tmp_path / "entries.json")}


def file_of(latchkey: Latchkey) -> Path:
    return latchkey.home / ".config" / "latchkey" / "config.toml"


def secret_of(credential: str) -> str:
    return credential.partition(":")[2]


def test_login_stores_a_profile_in_the_file(bare: Latchkey, latchkey: Latchkey, root: str) -> None:
    ran = bare.run("login", "--url", latchkey.url, typed=f"{root}\n")
    assert ran.exit_code == 0, ran
    assert ran.out.startswith(f"Signed in to {latchkey.url} as {root[:15]} (root). The profile default has the key in ")
    assert secret_of(root) not in ran.out + ran.err
    assert stat.S_IMODE(file_of(bare).stat().st_mode) == 0o600
    assert bare.json("whoami")["label"] == "root"
    shown = bare.run("profile", "show")
    assert (root[:15] in shown.out, secret_of(root) in shown.out) == (True, False)


def test_one_token_is_stored_too(bare: Latchkey, latchkey: Latchkey, root: str) -> None:
    ran = bare.run("login", "--url", latchkey.url, "-o", "json", typed=root.replace(":", "."))
    assert (ran.exit_code, ran.json["key_id"], ran.json["stored_in"]) == (0, root[:15], "file")
    assert bare.json("whoami")["label"] == "root"


def test_login_on_a_terminal_asks_without_echo(bare: Latchkey, latchkey: Latchkey, root: str) -> None:
    exit_code, shown = on_terminal(bare, "login", "--url", latchkey.url, columns=300, typed=root)
    assert exit_code == 0
    assert "API key (key_id:secret): " in shown
    assert secret_of(root) not in shown
    # Only the last prompt ends with a colon alone, so the URL is answered by an empty line.
    assert bare.json("whoami")["label"] == "root"


@pytest.mark.parametrize("key", ["nonsense", "lk_000000000000:lks_" + "0" * 49, ""])
def test_wrong_key_stores_nothing(bare: Latchkey, latchkey: Latchkey, key: str) -> None:
    ran = bare.run("login", "--url", latchkey.url, typed=f"{key}\n")
    assert (ran.exit_code, ran.out) == (2, "")
    assert not file_of(bare).exists()


def test_unreachable_server_stores_nothing(bare: Latchkey, root: str) -> None:
    assert bare.run("login", "--url", "http://127.0.0.1:1", typed=root).exit_code == 3
    assert bare.run("login", typed=root).exit_code == 2, "without a terminal it can't ask for the URL"
    assert not file_of(bare).exists()


def test_second_profile_has_to_be_chosen(bare: Latchkey, latchkey: Latchkey, root: str) -> None:
    bare.run("login", "--url", latchkey.url, typed=root)
    second = latchkey.json("keys", "create", "--label", "second")["credential"]
    ran = bare.run("login", "--url", latchkey.url, "--profile", "staging", typed=second)
    assert "latchkey profile use staging" in ran.err
    assert bare.json("whoami")["label"] == "root"
    assert bare.json("whoami", LATCHKEY_PROFILE="staging")["label"] == "second"
    listed = bare.json("profile", "list")["items"]
    assert [(item["name"], item["in_use"], item["key_in"]) for item in listed] == [
        ("default", True, "file"), ("staging", False, "file"),
    ]  # fmt: skip
    assert bare.run("profile", "use", "staging").out == "From now on, the profile staging is used.\n"
    assert bare.json("whoami")["label"] == "second"
    assert bare.json("profile", "show")["name"] == "staging"
    unknown = bare.run("profile", "use", "third")
    assert (unknown.exit_code, "default, staging" in unknown.err) == (2, True)
    for output in ("table", "json", "yaml", "csv", "name"):
        assert "lks_" not in bare.run("profile", "list", "-o", output).out


def test_environment_that_hides_the_profile_is_named(bare: Latchkey, latchkey: Latchkey, root: str) -> None:
    ran = bare.run("login", "--url", latchkey.url, typed=root, LATCHKEY_API_KEY="lk_x")
    assert (ran.exit_code, "LATCHKEY_API_KEY is set and overrides" in ran.err) == (0, True)


def test_invalid_names_are_rejected(bare: Latchkey, latchkey: Latchkey, root: str) -> None:
    for name in ("a b", 'a"]\n[x', "ä", "a" * 65):
        assert bare.run("login", "--url", latchkey.url, "--profile", name, typed=root).exit_code == 2
    assert not file_of(bare).exists()


def test_keyring_has_the_key(bare: Latchkey, latchkey: Latchkey, root: str, keyring: dict[str, str]) -> None:
    ran = bare.run("login", "--url", latchkey.url, typed=root, **keyring)
    assert ran.out.endswith("The profile default has the key in the system's keyring.\n")
    assert "lks_" not in file_of(bare).read_text()
    assert json.loads(Path(keyring["TEST_KEYRING"]).read_text()) == {f"latchkey/default {latchkey.url}": root}
    assert bare.json("whoami", **keyring)["label"] == "root"
    assert bare.json("profile", "show", **keyring)["key_in"] == "keyring"
    without = bare.run("whoami")
    assert (without.exit_code, "latchkey[keyring]" in without.err) == (2, True)


def test_key_is_not_sent_to_another_server(
    bare: Latchkey, latchkey: Latchkey, root: str, keyring: dict[str, str]
) -> None:
    """Someone who can change the file, for example in a repository of dotfiles, gets no key by it."""
    bare.run("login", "--url", latchkey.url, typed=root, **keyring)
    file = file_of(bare)
    file.write_text(file.read_text().replace(latchkey.url, "http://127.0.0.1:1"))
    ran = bare.run("whoami", **keyring)
    assert (ran.exit_code, "No API key" in ran.err) == (2, True)


def test_locked_keyring_is_reported(bare: Latchkey, latchkey: Latchkey, root: str, keyring: dict[str, str]) -> None:
    bare.run("login", "--url", latchkey.url, typed=root, **keyring)
    ran = bare.run("whoami", TEST_KEYRING_LOCKED="1", **keyring)
    assert (ran.exit_code, "RuntimeError" in ran.err, "lks_" in ran.err) == (2, True, False)
    assert latchkey.run("whoami", TEST_KEYRING_LOCKED="1", **keyring).exit_code == 0, "it isn't needed"


@pytest.mark.parametrize("option", ["--in-file", None])
def test_file_is_used_without_a_usable_keyring(
    bare: Latchkey, latchkey: Latchkey, root: str, keyring: dict[str, str], option: str | None
) -> None:
    environment = keyring if option else {**keyring, "TEST_KEYRING_PRIORITY": "0"}
    bare.run("login", "--url", latchkey.url, *([option] if option else []), typed=root, **environment)
    assert root in file_of(bare).read_text()
    entries = Path(keyring["TEST_KEYRING"])
    assert not entries.exists() or "lks_" not in entries.read_text()
    # Later, the key moves to the keyring, and the file has none any more; and the other way round.
    bare.run("login", "--url", latchkey.url, typed=root, **keyring)
    assert "lks_" not in file_of(bare).read_text()
    bare.run("login", "--url", latchkey.url, "--in-file", typed=root, **keyring)
    assert root in file_of(bare).read_text()
    assert "lks_" not in Path(keyring["TEST_KEYRING"]).read_text()
