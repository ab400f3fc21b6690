"""Settings of the product, with additional paths for benchmarks."""

from controlplane.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
