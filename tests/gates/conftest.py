"""Fixtures of the gates' tests."""

from tests.gates.image import image, plant

__all__ = ["image", "plant"]
