"""Gates on what the image says of itself: user, health check, stop signal, labels, size."""

from collections.abc import Iterator
from typing import Any, Final

from gates.image.contents import USER
from gates.image.shipped import APP, VENV, Shipped
from gates.verdict import Verdict, judged
from latchkey import __version__

MOST_MEGABYTES: Final = 450
_LABEL: Final = "org.opencontainers.image."


def configuration(image: Shipped) -> Verdict:
    """The image says who runs it, how it is asked for its health, how it stops, and what it was made of."""
    return judged(list(_faults(image.configuration)), f"user {USER}, health check, stop signal and labels")


def _faults(config: dict[str, Any]) -> Iterator[str]:
    if config.get("User") != f"{USER}:{USER}":
        yield f"runs as {config.get('User') or 'root'}, not as {USER}:{USER}"
    test = (config.get("Healthcheck") or {}).get("Test") or []
    if test != ["CMD", "python", "-m", "health.self_check"]:
        yield f"its health check is {test or 'none'}"
    if str(config.get("StopSignal")) not in ("SIGTERM", "15"):
        yield f"its stop signal is {config.get('StopSignal') or 'none'}"
    labels = config.get("Labels") or {}
    if labels.get(f"{_LABEL}version") != __version__:
        yield f"its version is {labels.get(f'{_LABEL}version')}, the tree's {__version__}"
    if len(str(labels.get(f"{_LABEL}revision")).removesuffix("-dirty")) != 40:
        yield f"its revision is {labels.get(f'{_LABEL}revision')}"


def size(image: Shipped) -> Verdict:
    """What the image weighs, and what of it is whose."""
    whole = image.bytes_below("")
    parts = {
        "Latchkey": image.bytes_below(APP),
        "what it depends on": image.bytes_below(VENV),
        "Python": image.bytes_below("usr/local/"),
    }
    parts["Debian"] = whole - sum(parts.values())
    told = ", ".join(f"{name} {count / 1e6:.0f}" for name, count in parts.items())
    found = [f"{whole / 1e6:.0f} MB"] if whole > MOST_MEGABYTES * 1e6 else []
    return judged(found, f"{whole / 1e6:.0f} MB: {told}")
