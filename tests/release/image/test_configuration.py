"""What the image declares: user, entry point, health check, stop signal, labels, base."""

import json
from typing import Any

import pytest

from deploy.image.base import STAND_IN, pinned_base
from deploy.image.build import BASE_DIGEST, BASE_NAME
from deploy.image.commands import attempt
from latchkey import __version__
from tests.release.image.image import Image
from tests.support.services import unavailable

pytestmark = [pytest.mark.needs("images"), pytest.mark.slow("builds and runs container images")]

LABEL = "org.opencontainers.image."


def test_user(image: Image) -> None:
    assert image.configuration["User"] == "10001:10001"


def test_first_start_writes_secrets_to_file(image: Image) -> None:
    """Without the option, the first start prints them, and logs are kept elsewhere."""
    entry = image.configuration["Entrypoint"]
    line = entry if isinstance(entry, str) else " ".join(entry)  # podman joins it
    assert line.startswith("python -m controlplane.bootstrap ")
    assert " --first-start-file /data/" in line


def test_health_check_intervals(image: Image) -> None:
    check: dict[str, Any] = image.configuration["Healthcheck"]
    assert check["Test"] == ["CMD", "python", "-m", "health.self_check"]
    # Engines use 30 s for the first two and 3 retries if nothing is set.
    assert 5 <= check.get("Interval", 30e9) / 1e9 <= 60
    assert 1 <= check.get("Timeout", 30e9) / 1e9 <= 10
    assert check.get("StartPeriod", 0) / 1e9 <= 60
    assert (check.get("Retries") or 3) <= 5


def test_stop_signal(image: Image) -> None:
    assert str(image.configuration["StopSignal"]) in ("SIGTERM", "15")


def test_labels(image: Image) -> None:
    assert image.labels[f"{LABEL}version"] == __version__
    assert len(image.labels[f"{LABEL}revision"].removesuffix("-dirty")) == 40


def test_base(image: Image) -> None:
    """The first layers are those of the base that .ci/base/Dockerfile pins by its digest."""
    base = f"{image.labels[BASE_NAME]}@{image.labels[BASE_DIGEST]}"
    if base.startswith(STAND_IN):
        unavailable("the image is built on a stand-in, so it is for tests only: make release-image")
    assert base == pinned_base()
    done = attempt([*image.engine.run, "image", "inspect", base])
    if done.returncode:
        unavailable(f"{base} is not on this machine, so its layers can't be compared")
    layers = json.loads(done.stdout)[0]["RootFS"]["Layers"]
    assert image.configuration["Layers"][: len(layers)] == layers
