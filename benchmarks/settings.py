"""The product's settings, with the benchmark's own paths beside the product's."""

from controlplane.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
