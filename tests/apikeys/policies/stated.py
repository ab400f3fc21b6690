"""Plans as clients state them, and the faults of what is rejected."""

from collections.abc import Callable
from typing import Any

import pytest

from latchkey.validation import InvalidParameters

RATE = {"burst": 10, "per_seconds": 1}


def rate(name: str, burst: int = 10, **more: Any) -> dict[str, Any]:
    return {"name": name, "rate": {"burst": burst, "per_seconds": 1}, **more}


def quota(name: str, amount: int = 1000, per: str = "month", **more: Any) -> dict[str, Any]:
    return {"name": name, "quota": {"quota": amount, "per": per}, **more}


def faults(call: Callable[..., object], *args: object) -> list[tuple[str, str]]:
    """The pointer and code of each fault with which the call is rejected."""
    with pytest.raises(InvalidParameters) as caught:
        call(*args)
    assert all(error.detail.endswith(".") for error in caught.value.errors)
    return [(error.pointer, error.code) for error in caught.value.errors]
