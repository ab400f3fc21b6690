"""Changes to the configuration file keep everything else in it."""

import stat
import tomllib
from pathlib import Path

import pytest

from latchkey.cli.configuration import read_profile
from latchkey.cli.errors import CLIError
from latchkey.cli.profile_file import choose_profile, write_profile
from tests.latchkey.cli.test_configuration import written

FILE = """# my servers
profile = "work"  # the usual one

[profiles.work]
# production
url = "https://keys.example"
timeout = 2.5

[profiles.other]
format = "json"
"""


def test_new_file_is_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"
    write_profile(file, "default", {"url": "https://a.example", "api_key": 'a"b\\c', "keyring": None}, choose=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert tomllib.loads(file.read_text()) == {
        "profile": "default", "profiles": {"default": {"url": "https://a.example", "api_key": 'a"b\\c'}},
    }  # fmt: skip
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


def test_other_lines_stay(tmp_path: Path) -> None:
    file = written(tmp_path / "config.toml", FILE)
    write_profile(file, "new", {"url": "https://b.example"}, choose=False)
    assert file.read_text() == f'{FILE}\n[profiles.new]\nurl = "https://b.example"\n'
    choose_profile(file, "new")
    assert file.read_text().startswith('# my servers\nprofile = "new"\n\n[profiles.work]\n# production\n')
    assert read_profile(file, None).url == "https://b.example"


def test_other_fields_of_the_profile_stay(tmp_path: Path) -> None:
    file = written(tmp_path / "config.toml", FILE)
    write_profile(file, "work", {"url": "https://b.example", "api_key": "x"}, choose=False)
    work = read_profile(file, "work")
    assert (work.url, work.api_key, work.timeout) == ("https://b.example", "x", 2.5)
    assert read_profile(file, "other").format == "json"
    write_profile(file, "work", {"api_key": None, "keyring": "system"}, choose=False)
    assert read_profile(file, "work").keyring == "system"
    assert "api_key" not in file.read_text()


def test_choice_is_added(tmp_path: Path) -> None:
    file = written(tmp_path / "config.toml", '[profiles.a]\nurl = "https://a.example"\n')
    choose_profile(file, "a")
    assert tomllib.loads(file.read_text())["profile"] == "a"
    with pytest.raises(CLIError) as raised:
        choose_profile(file, "b")
    assert raised.value.remedy == "Profiles: a."


def test_link_stays_a_link(tmp_path: Path) -> None:
    file = written(tmp_path / "real.toml", FILE)
    link = tmp_path / "config.toml"
    link.symlink_to(file)
    choose_profile(link, "other")
    assert link.is_symlink()
    assert tomllib.loads(file.read_text())["profile"] == "other"


@pytest.mark.parametrize(
    "text",
    [
        'profiles.work.url = "https://a.example"\n',
        '[profiles]\nwork = { url = "https://a.example" }\n',
        '[profiles.work]\nurl = """\n[profiles.x]\n"""\n',
    ],
)
def test_file_that_is_written_differently_is_not_changed(tmp_path: Path, text: str) -> None:
    file = written(tmp_path / "config.toml", text)
    with pytest.raises(CLIError, match="doesn't understand"):
        write_profile(file, "work", {"api_key": "x"}, choose=False)
    assert file.read_text() == text


def test_file_of_others_is_not_read(tmp_path: Path) -> None:
    file = written(tmp_path / "config.toml", FILE, 0o644)
    with pytest.raises(CLIError):
        write_profile(file, "work", {"api_key": "x"}, choose=False)
    assert file.read_text() == FILE
