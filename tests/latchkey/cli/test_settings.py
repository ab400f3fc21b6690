"""Where settings come from: an option wins over the environment, and that over the profile."""

import pytest

from tests.latchkey.cli.running import Latchkey

pytestmark = pytest.mark.slow("runs the installed command many times")


def configure(latchkey: Latchkey, text: str) -> None:
    directory = latchkey.home / ".config" / "latchkey"
    directory.mkdir(parents=True)
    (directory / "config.toml").touch(mode=0o600)
    (directory / "config.toml").write_text(text)


def test_profiles(latchkey: Latchkey) -> None:
    nowhere = latchkey.with_key(None).at("")
    configure(
        latchkey,
        f"""profile = "work"
        [profiles.work]
        url = "{latchkey.url}"
        api_key = "{latchkey.api_key}"
        format = "json"
        [profiles.other]
        url = "http://127.0.0.1:1"
        """,
    )
    assert nowhere.run("whoami").json["label"] == "root"
    assert nowhere.run("whoami", "--format", "table").out.startswith("key_id ")
    assert nowhere.run("health", LATCHKEY_PROFILE="other").exit_code == 3
    assert nowhere.run("health", "--profile", "work", LATCHKEY_PROFILE="other").exit_code == 0
    assert nowhere.run("health", "--url", "http://127.0.0.1:1").exit_code == 3
    missing = nowhere.run("health", "--profile", "third")
    assert (missing.exit_code, "Profiles: other, work." in missing.err) == (2, True)


def test_profiles_of_which_none_is_chosen_are_named(latchkey: Latchkey) -> None:
    configure(latchkey, f'[profiles.staging]\nurl = "{latchkey.url}"\napi_key = "{latchkey.api_key}"')
    for without in (latchkey.with_key(None).at(""), latchkey.with_key(None), latchkey.at("")):
        ran = without.run("whoami")
        assert (ran.exit_code, "Profiles: staging" in ran.err) == (2, True)
    assert latchkey.run("whoami").exit_code == 0, "nothing is missing"
    assert latchkey.with_key(None).at("").run("whoami", "--profile", "staging").exit_code == 0


def test_help_needs_neither_key_nor_file(latchkey: Latchkey) -> None:
    bare = latchkey.with_key(None)
    for arguments in ((), ("keys",), ("keys", "rotate"), ("events", "tail")):
        ran = bare.run(*arguments, "--help", LATCHKEY_CONFIG="/nowhere")
        assert (ran.exit_code, ran.err) == (0, "")
    assert bare.run("--version").out == "latchkey 0.1.0\n"


def test_completion(latchkey: Latchkey) -> None:
    asked = {"_LATCHKEY_COMPLETE": "complete_bash", "COMP_WORDS": "latchkey keys ro", "COMP_CWORD": "2"}
    ran = latchkey.run(**asked)
    assert (ran.exit_code, ran.out.split(), ran.err) == (0, ["rotate"], "")
