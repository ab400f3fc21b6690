"""What the texts of an image give away, and what looks like it and is known to all."""

from secrets import token_hex, token_urlsafe
from typing import Any

import pytest

from gates.image.leaks import in_configuration
from latchkey.credentials import generate_secret

AWS = "AKIA" + "Q3EGRIUZ7TBXWJ5L"


def told(steps: tuple[str, ...] = (), **configuration: Any) -> list[str]:
    return list(in_configuration(configuration, steps))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("URL=https://ada:lovelace1815@example.com/", "Basic Auth Credentials"),
        (f"AWS_KEY={AWS}", "AWS Access Key"),
        (f"TOKEN={token_hex(32)}", "Hex High Entropy String"),
        (f"CREDENTIAL={generate_secret()}", "Latchkey secret"),
        (f"SECRET_KEY={token_urlsafe(48)}", "value of SECRET_KEY"),
    ],
    ids=["url", "aws", "hex", "latchkey", "setting"],
)
def test_planted(text: str, kind: str) -> None:
    name, _, value = text.partition("=")
    assert any(it.startswith(f"variable {name}: {kind}") for it in told(Env=["PATH=/bin", text]))
    assert any(it.startswith(f"label {name}: {kind}") for it in told(Labels={"title": "one", name: value}))
    assert not any(value in it for it in told(Env=[text], Labels={name: value}))


def test_planted_in_a_step() -> None:
    (found,) = told(("/bin/sh -c true", f"RUN /bin/sh -c curl --user {AWS} example.com"))
    assert found.startswith("step ")
    assert found.endswith(": AWS Access Key")


def test_what_is_known_to_all() -> None:
    commit, digest = token_hex(20), f"sha256:{token_hex(32)}"
    environment = [
        f"GPG_KEY={commit}",
        f"PYTHON_SHA256={token_hex(32)}",
        f"LATCHKEY_REVISION={commit}",
        "PATH=/bin:/usr/bin",
    ]
    labels = {"org.opencontainers.image.revision": commit, "org.opencontainers.image.base.digest": digest}
    steps = (
        f"LABEL org.opencontainers.image.revision={commit} org.opencontainers.image.title=Latchkey",
        f"ENV PYTHON_SHA256={token_hex(32)}",
        f"/bin/sh -c #(nop) ADD file:{token_hex(32)} in / ",
        f"|3 PYTHON_IMAGE=python:3.13@sha256:{token_hex(32)} REVISION={commit} VERSION=0.1.0 /bin/sh -c rm -rf /x",
        'RUN /bin/sh -c set -eux; echo "$PYTHON_SHA256 *python.tar.xz" | sha256sum -c - # buildkit',
    )
    assert told(steps, Env=environment, Labels=labels) == []
