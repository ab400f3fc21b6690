"""Images for the tests of their gates: the one that is shipped, and others with a fault planted in it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gates.image.build import IMAGE, build, revision
from gates.image.commands import attempt, run
from gates.image.engine import engine
from gates.image.shipped import Shipped, shipped
from gates.verdict import Outcome, Verdict
from tests.support.once import once

PLANTED = "localhost/latchkey-planted"
Plant = Callable[..., Shipped]


def built(factory: pytest.TempPathFactory) -> str:
    """The image of the tree as it is, built once in a run of the suite unless it is there already."""
    once(factory, "image", lambda _: _build_unless_current())
    return IMAGE


def _build_unless_current() -> None:
    label = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    done = attempt([*engine().run, "image", "inspect", "--format", label, IMAGE])
    if done.returncode or "-dirty" in done.stdout or done.stdout.strip() != revision():
        build(engine())


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """The image that is shipped."""
    with shipped(engine(), built(tmp_path_factory)) as found:
        yield found


@pytest.fixture(scope="module")
def plant(image: Shipped) -> Iterator[Plant]:
    """Makes an image with more instructions at its end, taken apart."""
    with ExitStack() as stack:
        names: list[str] = []

        def derive(*instructions: str, on: Shipped = image) -> Shipped:
            names.append(f"{PLANTED}:{os.getpid()}-{len(names)}")
            with tempfile.TemporaryDirectory() as place:
                text = "\n".join([f"FROM {on.image}", *instructions, ""])
                (Path(place) / "Dockerfile").write_text(text)
                run([*engine().build, "--tag", names[-1], place])
            return stack.enter_context(shipped(engine(), names[-1]))

        yield derive
        for name in names:
            attempt([*engine().run, "rmi", "--force", name])


def said(verdict: Verdict) -> str:
    """What a gate says against an image."""
    assert verdict.outcome is Outcome.FAILED
    return "\n".join(verdict.findings)
