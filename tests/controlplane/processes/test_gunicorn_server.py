"""gunicorn as `serve` runs it: with our settings alone, and patient with a machine that stood still."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.conftest import Clock


@pytest.fixture
def gunicorn_server(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, with the environment that `serve` gives it."""
    given = {
        "LATCHKEY_BIND": "127.0.0.1:1",
        "WORKERS": "1",
        "SHUTDOWN_DELAY_SECONDS": "0",
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "json",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    from controlplane.processes import gunicorn_server

    return gunicorn_server


@pytest.mark.parametrize("name", ["GUNICORN_CMD_ARGS", "WEB_CONCURRENCY"])
def test_environment_adds_nothing(gunicorn_server: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    value = "--workers=3 --bind=127.0.0.1:2 --timeout=1" if name == "GUNICORN_CMD_ARGS" else "3"
    monkeypatch.setenv(name, value)
    settings = gunicorn_server.WebServer("a:b").cfg
    assert (settings.workers, settings.bind, settings.timeout) == (1, ["127.0.0.1:1"], 30)


class Watched:
    """The arbiter over one worker that never says that it lives, and what was done to it."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        for place in (f"{module.__name__}.time", "gunicorn.arbiter.time"):
            monkeypatch.setattr(place, SimpleNamespace(monotonic=self.clock.seconds))
        self.killed: list[int] = []
        began = self.clock.seconds()
        self.watch: Any = object.__new__(module.WatchingArbiter)
        worker = SimpleNamespace(tmp=SimpleNamespace(last_update=lambda: began), aborted=False)
        self.watch.timeout, self.watch.WORKERS = 30, {7: worker}
        self.watch.log = SimpleNamespace(critical=lambda *_: None)
        self.watch.kill_worker = lambda pid, _: self.killed.append(pid)
        self.watch._looked = self.watch._none_hung_until = began

    def look(self, times: int) -> None:
        """Look each second, as gunicorn does."""
        for _ in range(times):
            self.clock.move(1)
            self.watch.murder_workers()


def test_hung_worker_is_killed(gunicorn_server: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(gunicorn_server, monkeypatch)
    watched.look(30)
    assert watched.killed == []
    watched.look(1)
    assert watched.killed == [7]


def test_worker_has_its_whole_time_after_a_pause(gunicorn_server: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(gunicorn_server, monkeypatch)
    watched.look(2)
    watched.clock.move(34)
    watched.look(30)
    assert watched.killed == []
    watched.look(1)
    assert watched.killed == [7]
