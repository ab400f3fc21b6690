"""The product's settings, with the URLs of the benchmarks."""

from controlplane.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.bare_view"
