"""The gate that nothing in an image gives a secret away: no layer, variable, label or step."""

import re
from collections.abc import Iterator
from typing import Any, Final

from gates.history import Version
from gates.image.layers import Layer
from gates.image.shipped import APP, Shipped
from gates.secret_rules import suspects
from gates.secrets import of_detectors
from gates.verdict import Verdict, judged

# Bytecode holds what its source does; Debian's libraries are much to read, and test themselves with keys that all have.
_PASSED_OVER: Final = re.compile(r"\.pyc$|^usr/lib/[\w-]+-linux-gnu/(?:[\w.-]+/)*[\w.+-]+\.so[\w.]*$")
_STRAY: Final = re.compile(
    rf"^{APP}/(?:\.|tests/|benchmarks/|gates/|var/|deploy/|pyproject|requirements-dev)"
    r"|(?:^|/)(?:secrets\.env|\.env|pip\.conf|\.netrc|\.pypirc|id_[a-z0-9]+|[\w.-]+\.sqlite3)$"
)
# Values that look random and are known to all: commits, digests, and the key that Python's releases are signed with.
_DIGESTS: Final = re.compile(
    r"((?:GPG_KEY|PYTHON_SHA256|(?:LATCHKEY_)?REVISION|[\w.]+\.revision|[\w.]+\.digest)=\"?|\b(?:file|dir|multi):)"
    r"(?:sha256:)?[0-9A-Fa-f]{40,64}\b"
)
# What was found in a layer, by its name, which is the digest of its content: images that stand on others share theirs.
_READ: Final[dict[str, tuple[str, ...]]] = {}


def secrets(image: Shipped) -> Verdict:
    """No layer, variable, label or step holds a secret, and nothing came along that is not to be shipped."""
    found = [f"/{it.name}: is not to be shipped" for it in image.files if _STRAY.search(it.name)]
    found += dict.fromkeys((*_in_layers(image), *in_configuration(image.configuration, image.steps)))
    return judged(found, f"none in the {len(image.layers)} layers, the variables, labels and steps")


def _in_layers(image: Shipped) -> Iterator[str]:
    """Also what a later layer takes away: who has the image has each of its layers."""
    for number, layer in enumerate(image.layers, 1):
        if layer.name not in _READ:
            _READ[layer.name] = tuple(_in_layer(layer))
        yield from (f"layer {number}: {found}" for found in _READ[layer.name])


def _in_layer(layer: Layer) -> Iterator[str]:
    for name, content in layer.files():
        if not _PASSED_OVER.search(name):
            yield from (f"/{name}:{it.line}: {it.kind}" for it in suspects(content))


def in_configuration(configuration: dict[str, Any], steps: tuple[str, ...]) -> Iterator[str]:
    """What our rules and those of detect-secrets find in the texts of an image."""
    labels = (f"{name}={value}" for name, value in (configuration.get("Labels") or {}).items())
    for kind, texts in {"variable": configuration.get("Env") or [], "label": labels, "step": steps}.items():
        lines = [_quoted(_DIGESTS.sub(r"\1", text).replace("\n", " ")) for text in texts]
        content = "\n".join(lines).encode()
        yield from (f"{kind} {lines[it.line - 1].partition('=')[0][:60]}: {it.kind}" for it in suspects(content))
        for told in of_detectors([Version(kind, content)]):
            yield f"{kind} {_named(told.place, lines)}: {told.kind}"


def _named(place: str, lines: list[str]) -> str:
    """What the line is about, which is no secret itself."""
    return lines[int(place.rpartition(":")[2]) - 1].partition("=")[0][:60]


def _quoted(text: str) -> str:
    """As the detectors of what looks random want a value."""
    name, equals, value = text.partition("=")
    return text if not equals or " " in name else f'{name}="{value}"'
