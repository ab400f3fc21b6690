"""Guard rail about the disk."""

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.health.guard_rails.findings import count_violations
from tests.support.small_disk import fill, small_disk

pytestmark = pytest.mark.django_db


@pytest.mark.needs("mount")
def test_disk_is_full_below_the_reserve_of_the_bucket_file(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    assert count_violations("full_disk") == 0
    with small_disk(tmp_path, 70) as disk:
        assert count_violations("full_disk") == 0
        (disk / "a").write_bytes(bytes(5 << 20))
        assert count_violations("full_disk") == 0
        (disk / "b").write_bytes(bytes(2 << 20))
        assert count_violations("full_disk") == 1
        fill(disk / "c")
        assert count_violations("full_disk") == 1
    assert count_violations("full_disk") == 0
