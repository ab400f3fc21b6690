"""The gates of the image: each can fail, as a fault that is planted in the image shows."""

import pytest

from gates.image import configuration, contents, debian, health_check, rights, service
from gates.image.__main__ import JUDGES
from gates.image.bill import bill
from gates.image.commands import run
from gates.image.container import containers
from gates.image.shipped import Shipped
from gates.verdict import Outcome, Verdict
from latchkey.credentials import generate_secret
from tests.gates.image import Plant

pytestmark = pytest.mark.needs("images")

SECRET = generate_secret()


def said(verdict: Verdict) -> str:
    """What a gate says against an image."""
    assert verdict.outcome is Outcome.FAILED
    return "\n".join(verdict.findings)


@pytest.mark.parametrize("name", JUDGES)
def test_the_image_of_this_tree(image: Shipped, name: str) -> None:
    verdict = JUDGES[name](image)
    assert (verdict.outcome, verdict.findings) == (Outcome.PASSED, ())


@pytest.fixture(scope="module")
def spoilt(plant: Plant) -> Shipped:
    """An image with a fault of each kind in its files."""
    return plant(
        "USER 0:0",
        "RUN cp /bin/true /usr/bin/gain && chmod u+s /usr/bin/gain",
        "RUN touch /usr/bin/x86_64-linux-gnu-gcc-12 && install -D /dev/null /usr/lib/python3/dist-packages/pip/__init__.py",
        "RUN mkdir /srv/open && chmod o+w /srv/open && touch /srv/own && chown 10001 /srv/own",
        "RUN mkdir /opt/latchkey/app/.git && touch /opt/latchkey/app/.git/config /opt/latchkey/app/secrets.env",
        f"RUN echo the credential is lk_0123456789ab:{SECRET} > /etc/motd",
        "RUN rm /opt/latchkey/app/apikeys/__pycache__/gate.*",
        "RUN mv /opt/latchkey/venv/lib/python3.13/site-packages/gunicorn-*.dist-info"
        " /opt/latchkey/venv/lib/python3.13/site-packages/gunicorn-1.0.dist-info",
        "RUN sed -i '/^Package: libssl3$/,/^$/ s/^Version: .*/Version: 3.0.11-1~deb12u2/' /var/lib/dpkg/status",
        "ENV UPSTREAM_SECRET_KEY=SECRET_KEY=0kd8sjf73jlsi38dkf83jdks93",
    )


def test_program_that_gives_rights(spoilt: Shipped) -> None:
    assert said(contents.setuid(spoilt)) == "/usr/bin/gain: mode 4755"


def test_compiler_and_installer(spoilt: Shipped) -> None:
    assert said(contents.tools(spoilt)).splitlines() == [
        "/usr/bin/x86_64-linux-gnu-gcc-12",
        "/usr/lib/python3/dist-packages/pip/__init__.py",
    ]


def test_places_that_the_user_may_write(spoilt: Shipped) -> None:
    told = said(contents.writable(spoilt))
    assert "/srv/open: mode 757" in told
    assert "/srv/own: belongs to the user" in told


def test_secrets_and_what_is_not_to_be_shipped(spoilt: Shipped) -> None:
    told = said(contents.secrets(spoilt))
    for place in ("/opt/latchkey/app/.git/config", "/opt/latchkey/app/secrets.env", "etc/motd:1", "configuration:"):
        assert place in told
    assert SECRET not in told


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


def test_container_with_rights_it_does_not_need(image: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gates.image.container.RESTRAINTS", ("--cap-add", "NET_RAW"))
    told = said(rights.rights(image))
    assert "NoNewPrivs is 0" in told
    assert "CapBnd" in told


def test_health_check_that_always_holds(plant: Plant) -> None:
    careless = plant('HEALTHCHECK CMD ["true"]')
    assert "its health check is" in said(configuration.configuration(careless))
    assert said(health_check.health_check(careless)) == "holds before the server serves"


def test_health_check_that_asks_too_little(plant: Plant) -> None:
    connects = "import socket; socket.create_connection(('127.0.0.1', 8000))"
    told = said(health_check.health_check(plant(f'HEALTHCHECK CMD ["python", "-c", "{connects}"]')))
    assert told.splitlines() == ["holds with a revoked key", "holds without a database"]


def test_image_that_forgets_buckets_and_stops_at_once(plant: Plant) -> None:
    start = 'ENTRYPOINT ["/bin/sh", "-c", "rm -rf /data/buckets; exec {}", "sh"]'
    serve = 'python -m controlplane.bootstrap --serve --first-start-file /data/first-start.txt \\"$@\\"'
    forgetful = plant(start.format(serve), 'CMD ["--bind", "0.0.0.0:8000"]', "STOPSIGNAL SIGKILL")
    assert "its stop signal is" in said(configuration.configuration(forgetful))
    assert "the empty bucket answers 200" in said(service.restart(forgetful))
    assert "in flight" in said(service.stopping(forgetful))


def test_first_start_that_writes_its_secrets_to_the_log(plant: Plant) -> None:
    talkative = plant(
        'ENTRYPOINT ["/bin/sh", "-c", "(until cat /data/first-start.txt; do sleep 0.1; done) & exec python -m controlplane.bootstrap '
        '--serve --first-start-file /data/first-start.txt \\"$@\\"", "sh"]',
        'CMD ["--bind", "0.0.0.0:8000"]',
    )
    told = said(service.story(talkative))
    assert "a secret stands in the log" in told


def test_containers_and_volumes_are_removed(image: Shipped) -> None:
    with containers(image.engine) as start:
        container = start(image.image, options=["--entrypoint", "sleep"], command=["60"])
        assert container.inspected()["State"]["Running"]
    listed = run([*image.engine.run, "ps", "--all", "--quiet"]) + run([*image.engine.run, "volume", "ls", "--quiet"])
    assert container.name not in listed
