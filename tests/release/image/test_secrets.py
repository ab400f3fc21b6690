"""No layer, variable, label or build step of the image contains a secret."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.image.commands import attempt, run
from latchkey.credentials import generate_secret
from tests.release.image.image import APP, Image, opened
from tests.release.secret_patterns import secrets_in

pytestmark = [pytest.mark.needs("images"), pytest.mark.slow("builds and runs container images")]

# Bytecode holds what its source does. Debian's libraries test themselves with published keys.
UNREAD = re.compile(r"\.pyc$|^usr/lib/[\w-]+-linux-gnu/(?:[\w.-]+/)*[\w.+-]+\.so[\w.]*$")
NOT_FOR_IMAGE = re.compile(
    rf"^{APP}(?:\.|tests/|benchmarks/|var/|deploy/|pyproject|requirements-dev)"
    r"|(?:^|/)(?:secrets\.env|\.env|pip\.conf|\.netrc|\.pypirc|id_[a-z0-9]+|[\w.-]+\.sqlite3)$"
)
# Tokens of providers, passwords in URLs.
OTHER_SECRET = re.compile(r"\bAKIA[0-9A-Z]{16}\b|://[^\s/:@]+:[^\s/:@]+@|\bgh[pousr]_\w{36}|\bxox[abps]-\w+")


def problems(image: Image) -> Iterator[str]:
    """Also in files that a later layer removes, because an image contains all of its layers."""
    for number, layer in enumerate(image.layers(), 1):
        for name, content in layer:
            if NOT_FOR_IMAGE.search(name):
                yield f"layer {number}: /{name} does not belong into an image"
            if not UNREAD.search(name):
                yield from (f"layer {number}: /{name}:{line}: {kind}" for line, kind, _ in secrets_in(content))
    texts = [*image.steps(), *(image.configuration.get("Env") or []), *(f"{k}={v}" for k, v in image.labels.items())]
    for text in texts:
        if OTHER_SECRET.search(text) or list(secrets_in(text.encode())):
            yield f"configuration: {text.partition('=')[0][:60]}"


def test_image(image: Image) -> None:
    assert list(problems(image)) == []


def test_secrets_are_found(image: Image, tmp_path: Path) -> None:
    """In a layer that a later one hides, in a variable, and in a label."""
    secret, name = generate_secret(), f"localhost/latchkey-planted:{tmp_path.name}"
    lines = [
        "FROM scratch",
        "COPY notes /srv/notes",
        f"COPY notes /{APP}secrets.env",
        "ENV UPSTREAM=amqp://ada:" + "lovelace1815@example.com/",
        f"LABEL com.example.made=lk_0123456789ab:{secret}",
    ]
    try:
        with tempfile.TemporaryDirectory() as place:
            for tag, notes in (("", f"one\nlk_0123456789ab:{secret}\n"), ("-tidied", "nothing\n")):
                (Path(place) / "notes").write_text(notes)
                (Path(place) / "Dockerfile").write_text("\n".join([*lines, ""]))
                run([*image.engine.build, "--tag", f"{name}{tag}", place])
                lines = [f"FROM {name}", "COPY notes /srv/notes"]
        with opened(image.engine, f"{name}-tidied") as tidied:
            found = list(problems(tidied))
    finally:
        for tag in ("-tidied", ""):
            attempt([*image.engine.run, "rmi", "--force", f"{name}{tag}"])
    assert "layer 1: /srv/notes:2: a key's secret" in found
    assert any(it.endswith(f": /{APP}secrets.env does not belong into an image") for it in found)
    assert {"configuration: UPSTREAM", "configuration: com.example.made"} <= set(found)
    assert not any(secret in it or "lovelace" in it for it in found)
