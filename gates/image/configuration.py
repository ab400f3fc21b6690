"""Gates on what the image says of itself: user, health check, stop signal, labels, size."""

from collections.abc import Iterator
from typing import Any, Final

from gates.image.contents import USER
from gates.image.shipped import APP, VENV, Shipped
from gates.verdict import Verdict, judged
from latchkey import __version__

MOST_MEGABYTES: Final = 450
# By itself it would print what the first start makes, and a log is kept by others.
ENTRYPOINT: Final = ("python -m controlplane.bootstrap ", " --first-start-file /data/")
# Of the health check: what engines take where nothing is said, and between what it is neither deaf nor a burden.
SECONDS: Final = {"Interval": (30, 5, 60), "Timeout": (30, 1, 10), "StartPeriod": (0, 0, 60)}
MOST_RETRIES: Final = 5
_LABEL: Final = "org.opencontainers.image."


def configuration(image: Shipped) -> Verdict:
    """The image says who runs it and what, how it is asked for its health, how it stops, and what it was made of."""
    return judged(list(_faults(image.configuration)), f"user {USER}, entry point, health check, stop signal and labels")


def _faults(config: dict[str, Any]) -> Iterator[str]:
    if config.get("User") != f"{USER}:{USER}":
        yield f"runs as {config.get('User') or 'root'}, not as {USER}:{USER}"
    yield from _faults_of_health_check(config.get("Healthcheck") or {})
    entry = config.get("Entrypoint") or ""
    line = entry if isinstance(entry, str) else " ".join(entry)  # podman joins it
    program, file = ENTRYPOINT
    if not line.startswith(program) or file not in line:
        yield f"its entry point is {line or 'none'}"
    if str(config.get("StopSignal")) not in ("SIGTERM", "15"):
        yield f"its stop signal is {config.get('StopSignal') or 'none'}"
    labels = config.get("Labels") or {}
    if labels.get(f"{_LABEL}version") != __version__:
        yield f"its version is {labels.get(f'{_LABEL}version')}, the tree's {__version__}"
    if len(str(labels.get(f"{_LABEL}revision")).removesuffix("-dirty")) != 40:
        yield f"its revision is {labels.get(f'{_LABEL}revision')}"


def _faults_of_health_check(check: dict[str, Any]) -> Iterator[str]:
    test = check.get("Test") or []
    if test != ["CMD", "python", "-m", "health.self_check"]:
        yield f"its health check is {test or 'none'}"
    for name, (default, least, most) in SECONDS.items():
        seconds = (check.get(name) or 0) / 1e9 or default
        if not least <= seconds <= most:
            yield f"{name} of its health check is {seconds:g} s, and not {least} to {most} s"
    if (retries := check.get("Retries") or 3) > MOST_RETRIES:
        yield f"its health check is asked {retries} times, and not {MOST_RETRIES} at most"


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
