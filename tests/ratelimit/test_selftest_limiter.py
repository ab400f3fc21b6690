"""The command that proves the limit."""

import pytest
from django.core.management import CommandError, call_command
from django.test.utils import override_settings

from tests.support.ports import free_port


def test_unreachable_store_is_reported_in_one_line() -> None:
    away = override_settings(BUCKET_STORE_URL=f"redis://127.0.0.1:{free_port()}")
    with away, pytest.raises(CommandError, match=r"^BUCKET_STORE_URL: redis://") as caught:
        call_command("selftest_limiter", processes=1, requests=1)
    assert caught.value.returncode == 3
