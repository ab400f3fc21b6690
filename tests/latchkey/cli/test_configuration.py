from pathlib import Path

import pytest

from latchkey.cli.configuration import NoProfileChosen, Profile, default_path, read_profile
from latchkey.cli.errors import CLIError

WORK = Profile(url="https://keys.example", timeout=2)
FILE = """profile = "work"
[profiles.work]
url = "https://keys.example"
timeout = 2
[profiles.other]
format = "json"
"""


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
    return path


def test_named_profile_is_used(tmp_path: Path) -> None:
    file = written(tmp_path / "config.toml", FILE)
    assert read_profile(file, None) == WORK
    assert read_profile(file, "other") == Profile(format="json")


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert read_profile(written(tmp_path / "config.toml", f"\ufeff{FILE}"), None) == WORK


def test_place_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert read_profile(None, None) == Profile()
    default_path().parent.mkdir()
    written(default_path(), FILE)
    assert default_path() == tmp_path / "latchkey" / "config.toml"
    assert read_profile(None, None) == WORK
    monkeypatch.setenv("XDG_CONFIG_HOME", "not/absolute")
    monkeypatch.setenv("HOME", "/home/ada")
    assert default_path() == Path("/home/ada/.config/latchkey/config.toml")


def test_file_without_profiles_is_no_fault(tmp_path: Path) -> None:
    assert read_profile(written(tmp_path / "config.toml", ""), None) == Profile()


def test_inaccessible_home_has_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", fail)
        assert read_profile(None, None) == Profile()
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
    assert default_path().is_absolute()


def test_sole_profile_is_named_and_not_used(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path / "config.toml", '[profiles.staging]\nurl = "https://a.example"'), None)
    assert isinstance(profile, NoProfileChosen)
    assert (profile.url, profile.api_key) == (None, None)
    assert profile.error.title == "No profile is chosen. Profiles: staging"
    assert "--profile staging" in profile.error.remedy


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
def test_file_open_to_others_is_rejected(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path / "con fig.toml", FILE, mode)
    with pytest.raises(CLIError) as raised:
        read_profile(file, None)
    assert raised.value.remedy == f"chmod 600 '{file}'"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("no toml", "it is not TOML"),
        ("\xff", "it is not TOML"),
        ("profiles = 1", "[profiles.NAME] are allowed"),
        ("api_key = 'x'", "[profiles.NAME] are allowed"),
        ("[profiles.default]\nsecret = 1", "can only have url, api_key, api_key_header, keyring, timeout, format"),
        ("[profiles]\ndefault = 1", "can only have url, api_key, api_key_header, keyring, timeout, format"),
        ("[profiles.default]\ntimeout = 'x'", "timeout of the profile default is invalid"),
        ("[profiles.default]\ntimeout = true", "timeout of the profile default is invalid"),
        ("[profiles.default]\ntimeout = 0", "timeout of the profile default is invalid"),
        ("[profiles.default]\ntimeout = inf", "timeout of the profile default is invalid"),
        ("[profiles.default]\nkeyring = 'mine'", "keyring of the profile default is invalid"),
        ("[profiles.default]\napi_key_header = 'X_Token'", "api_key_header of the profile default is invalid"),
        ("[profiles.default]\nformat = 'xml'", "format of the profile default is invalid"),
        ("profile = 'b'\n[profiles.a]", "Profiles: a."),
        ("profile = ['b']", "Profiles: none."),
    ],
)
def test_file_that_cannot_be_used(tmp_path: Path, content: str, expected: str) -> None:
    file = tmp_path / "config.toml"
    file.touch(mode=0o600)
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(CLIError) as raised:
        read_profile(file, None)
    assert expected in str(raised.value)


def test_named_file_and_profile_must_exist(tmp_path: Path) -> None:
    for path, name in ((tmp_path / "config.toml", None), (None, "work")):
        with pytest.raises(CLIError):
            read_profile(path, name)
