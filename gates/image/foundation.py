"""The gate on what the image stands on."""

import json
from typing import Any

from gates.image.build import BASE_DIGEST, BASE_NAME
from gates.image.commands import attempt
from gates.image.shipped import Shipped
from gates.pinned_base import BASE, pinned_base
from gates.tree import ROOT
from gates.verdict import Verdict, judged, unavailable


def base(image: Shipped) -> Verdict:
    """The image stands on the base that is pinned by its digest. What stands on another one is for tests alone."""
    labels = image.configuration.get("Labels") or {}
    if BASE_NAME not in labels:
        return judged([f"it bears no label {BASE_NAME}"])
    try:
        pinned = pinned_base(ROOT)
    except ValueError as error:
        return judged([str(error)])
    wanted, named = f"{pinned.name}@{pinned.digest}", f"{labels[BASE_NAME]}@{labels.get(BASE_DIGEST)}".rstrip("@")
    if named != wanted:
        return unavailable(f"it stands on {named}, and not on what {BASE} pins: it is for tests alone")
    below, layers = _layers(image, wanted), _layers(image, image.image)
    if not below:
        return unavailable(f"{wanted} is not on this machine, so the layers cannot be compared")
    found = [] if layers[: len(below)] == below else [f"its labels say {wanted}, and its layers are others"]
    return judged(found, f"{len(below)} of its {len(layers)} layers are those of {wanted}")


def _layers(image: Shipped, name: str) -> list[Any]:
    done = attempt([*image.engine.run, "image", "inspect", name])
    return list(json.loads(done.stdout)[0]["RootFS"]["Layers"]) if done.returncode == 0 else []
