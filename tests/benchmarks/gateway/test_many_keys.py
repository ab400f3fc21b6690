"""Keys that are made in bulk work as those that are issued."""

from pathlib import Path

import pytest

from benchmarks.gateway.many_keys import _secret
from benchmarks.installation import Installation
from latchkey.credentials import parse_credential

pytestmark = pytest.mark.slow("fills databases")

ASK = """
import sys, django; django.setup()
from apikeys.authenticator import default_gate
from apikeys.models import APIKey, KeyWord
from latchkey.credentials import parse_credential
from ratelimit.limiter import default_limiter
for line in open(sys.argv[1]):
    verified, decision = default_gate().admit(parse_credential(line.strip()), "", 1)
    used = default_limiter().store.peek(verified.record.auth.key_id.encode()).allowed
    print(decision.allowed, verified.record.auth.allows("orders:read"), used)
print(APIKey.objects.count(), KeyWord.objects.filter(word="worker").count())
"""


def test_credentials_have_the_shape_of_credentials() -> None:
    for number in (0, 999_999):
        assert parse_credential(f"lk_{number:012}:{_secret(number)}").secret == _secret(number)


def test_filled_keys_pass(tmp_path: Path) -> None:
    """Each was used once when it was filled in. There is the key of the installation beside them."""
    latchkey = Installation(tmp_path, workers=1)
    latchkey.run("-m", "benchmarks.gateway.many_keys", "3", str(tmp_path / "credentials"))
    assert latchkey.run("-c", ASK, str(tmp_path / "credentials")).split("\n")[:4] == ["True True 2"] * 3 + ["4 3"]
