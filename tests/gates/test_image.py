"""The gates of the image, put to the image of this tree."""

import pytest

from gates.image import health_check
from gates.image.__main__ import JUDGES
from gates.image.base import STAND_IN
from gates.image.build import BASE_NAME
from gates.image.shipped import Shipped
from gates.verdict import Outcome

pytestmark = [pytest.mark.needs("images"), pytest.mark.slow("builds and runs container images")]


@pytest.mark.parametrize("name", JUDGES)
def test_the_image_of_this_tree(image: Shipped, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests run beside this one. How fast it starts is judged by the gate itself, which runs alone.
    monkeypatch.setattr(health_check, "COLD_START_SECONDS", 60.0)
    verdict = JUDGES[name](image)
    assert verdict.findings == ()
    # Where no registry answers the image stands on a stand-in, and is for tests alone.
    assert verdict.outcome is (Outcome.UNAVAILABLE if name == "base" and stands_in(image) else Outcome.PASSED)


def stands_in(image: Shipped) -> bool:
    return bool(image.configuration["Labels"][BASE_NAME].startswith(STAND_IN))
