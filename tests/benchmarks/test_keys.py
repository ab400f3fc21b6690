"""Keys that are created in bulk work as issued ones do, on a server that the benchmarks start."""

from pathlib import Path

import pytest

from benchmarks.gateway.peers import PATH
from benchmarks.installation import Installation
from benchmarks.load import connect
from tests.support.raw_http import get_request

pytestmark = pytest.mark.slow("starts a server")


def test_filled_keys_pass(tmp_path: Path) -> None:
    latchkey = Installation(tmp_path, workers=2)
    latchkey.run("-m", "benchmarks.gateway.keys", "3", str(tmp_path / "credentials"))
    with latchkey.serving(), connect(latchkey.port, workers=2, connections=4) as load:
        assert len(load.workers()) == 2
        for credential in (tmp_path / "credentials").read_text().splitlines():
            load.send_all(get_request(PATH, x_api_key=credential), 8, status=204)
        assert latchkey.allowed_total() == 24
