"""What is a live secret in a text, and what only looks like one."""

import base64
import os

import pytest

from latchkey.credentials import generate_key_id, generate_secret
from latchkey.secret_detection import contains_secret, find_secrets

KEY_ID, SECRET = generate_key_id(), generate_secret()
BASIC = base64.b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()
WEBHOOK_SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
# The texts differ from process to process, and the names of tests must not: several processes share them.


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"{KEY_ID}:{SECRET}",
        f"{KEY_ID}.{SECRET}",
        f"the key of {SECRET}, rotate it",
        f"x{SECRET}abc",
        f"lks_{'x' * 49} {SECRET}",
        f"Authorization: Basic {BASIC}",
        WEBHOOK_SECRET,
        f"<{WEBHOOK_SECRET}>",
    ],
    ids=range(9),
)
def test_a_secret_is_found_wherever_it_stands(text: str) -> None:
    assert contains_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY_ID,
        "lks_",
        f"{KEY_ID}:lks_…",
        SECRET[:-1],
        SECRET[:-1] + ("a" if SECRET[-1] != "a" else "b"),
        SECRET.upper(),
        BASIC[:-8],
        "bGtf" + "A" * 88,
        WEBHOOK_SECRET[:40],
        "x" * 10_000,
    ],
    ids=range(11),
)
def test_look_alike_is_not_a_secret(text: str) -> None:
    assert not contains_secret(text)


def test_each_place_in_a_value_is_named() -> None:
    value = {"a": [{"note": SECRET}, 1, None], "b/~": {SECRET: True}, "c": "x", "d": [KEY_ID], "e": SECRET}
    assert list(find_secrets(value, "/metadata")) == [
        "/metadata/a/0/note", f"/metadata/b~1~0/{SECRET}", "/metadata/e",
    ]  # fmt: skip
