"""The gates that look into an image can fail, as faults show that are planted in its files."""

import pytest

from gates.image import configuration, contents, debian, foundation, leaks, rights
from gates.image.bill import bill
from gates.image.build import BASE_DIGEST, BASE_NAME
from gates.image.shipped import Shipped
from gates.pinned_base import PinnedBase
from gates.verdict import Outcome
from latchkey.credentials import generate_secret
from tests.gates.image import Plant, said

pytestmark = [pytest.mark.needs("images"), pytest.mark.slow("builds and runs container images")]

SECRET = generate_secret()
DIGEST = f"sha256:{'0' * 64}"
# cap_net_bind_service, permitted, as the kernel keeps it.
GIVE_CAPABILITY = (
    "python -c \"import os; value = bytes.fromhex('0100000200040000' + '00' * 12);"
    " os.setxattr('/usr/bin/able', 'security.capability', value)\""
)


@pytest.fixture(scope="module")
def spoilt(plant: Plant) -> Shipped:
    """An image with a fault of each kind in its files."""
    return plant(
        "USER 0:0",
        "RUN cp /bin/true /usr/bin/gain && chmod u+s /usr/bin/gain",
        f"RUN cp /bin/true /usr/bin/able && {GIVE_CAPABILITY}",
        "RUN install -D /dev/null /usr/lib/python3/dist-packages/pip/__init__.py",
        "RUN install -D /bin/true /usr/libexec/gcc/12/cc1 && cp /bin/true /usr/bin/x86_64-linux-gnu-gcc-12",
        "RUN install -D /bin/true /srv/busybox && ln -s /srv/busybox /srv/wget && install -D -m 644 /dev/null /srv/no/git",
        f"RUN echo the credential is lk_0123456789ab:{SECRET} > /opt/notes",
        "RUN mkdir /srv/open && chmod o+w /srv/open && touch /srv/own && chown 10001 /srv/own",
        "RUN mkdir /opt/latchkey/app/.git && touch /opt/latchkey/app/.git/config /opt/latchkey/app/secrets.env",
        f"RUN echo the credential is lk_0123456789ab:{SECRET} > /etc/motd",
        "RUN rm /opt/latchkey/app/apikeys/__pycache__/gate.*",
        "RUN mv /opt/latchkey/venv/lib/python3.13/site-packages/gunicorn-*.dist-info"
        " /opt/latchkey/venv/lib/python3.13/site-packages/gunicorn-1.0.dist-info",
        "RUN sed -i '/^Package: libssl3$/,/^$/ s/^Version: .*/Version: 3.0.11-1~deb12u2/' /var/lib/dpkg/status",
        "ENV UPSTREAM_SECRET_KEY=SECRET_KEY=0kd8sjf73jlsi38dkf83jdks93",
        "ENV UPSTREAM=amqp://ada:lovelace1815@example.com/",
        f"LABEL com.example.made=lk_0123456789ab:{SECRET}",
    )


def test_program_that_gives_rights(spoilt: Shipped) -> None:
    assert said(contents.setuid(spoilt)).splitlines() == ["/usr/bin/gain: mode 4755", "/usr/bin/able: has capabilities"]


def test_compiler_and_installer(spoilt: Shipped) -> None:
    assert sorted(said(contents.tools(spoilt)).splitlines()) == [
        "/srv/busybox",
        "/srv/wget",
        "/usr/bin/x86_64-linux-gnu-gcc-12",
        "/usr/lib/python3/dist-packages/pip/__init__.py",
        "/usr/libexec/gcc/12/cc1",
    ]


def test_places_that_the_user_may_write(spoilt: Shipped) -> None:
    told = said(contents.writable(spoilt))
    assert "/srv/open: mode 757" in told
    assert "/srv/own: belongs to the user" in told


def test_secrets_and_what_is_not_to_be_shipped(spoilt: Shipped) -> None:
    told = said(leaks.secrets(spoilt))
    for place in ("/opt/latchkey/app/.git/config", "/opt/latchkey/app/secrets.env", "/etc/motd:1", "/opt/notes:1"):
        assert place in told
    for place in (
        "variable UPSTREAM_SECRET_KEY: ",
        "variable UPSTREAM: Basic Auth",
        "label com.example.made: Latchkey",
    ):
        assert place in told
    assert SECRET not in told
    assert "lovelace" not in told


def test_secret_that_a_later_layer_takes_away(plant: Plant) -> None:
    careless = plant("USER 0:0", f"RUN echo lk_0123456789ab:{SECRET} > /srv/notes")
    tidied = plant("RUN rm /srv/notes", on=careless)
    assert "srv/notes" not in {it.name for it in tidied.files}
    assert ": /srv/notes:1: Latchkey secret" in said(leaks.secrets(tidied))


def test_base_that_is_another_one(image: Shipped, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foundation, "pinned_base", lambda root: PinnedBase("example.com/base", DIGEST, (3, 13)))
    verdict = foundation.base(image)
    assert verdict.outcome is Outcome.UNAVAILABLE
    assert "it is for tests alone" in verdict.note
    liar = plant(f"LABEL {BASE_NAME}=example.com/base {BASE_DIGEST}={DIGEST}")
    assert foundation.base(liar).note.endswith("is not on this machine, so the layers cannot be compared")
    monkeypatch.setattr(foundation, "_layers", lambda of, name: ["a", "b"] if name == of.image else ["a", "c"])
    assert said(foundation.base(liar)).endswith("and its layers are others")
    monkeypatch.setattr(foundation, "_layers", lambda of, name: ["a", "b"] if name == of.image else ["a"])
    assert foundation.base(liar).outcome is Outcome.PASSED


def test_module_without_bytecode(spoilt: Shipped) -> None:
    assert said(contents.bytecode(spoilt)) == "/opt/latchkey/app/apikeys/gate.py: has no bytecode"


def test_package_that_is_not_as_locked(spoilt: Shipped) -> None:
    assert "gunicorn 1.0 is installed" in said(bill(spoilt))


def test_security_update_that_waits(spoilt: Shipped) -> None:
    verdict = debian.updates(spoilt)
    if verdict.outcome is Outcome.UNAVAILABLE:
        pytest.skip(verdict.note)
    assert said(verdict).startswith("libssl3 ")


def test_root_is_told_by_both_gates(spoilt: Shipped) -> None:
    assert "runs as 0:0" in said(configuration.configuration(spoilt))
    assert "process 1 runs as 0" in said(rights.rights(spoilt))


def test_image_that_weighs_too_much(image: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "MOST_MEGABYTES", 100)
    assert said(configuration.size(image)).endswith(" MB")
