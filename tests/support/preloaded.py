"""Latchkey, loaded with the settings of a template, so that a process can be forked from here for each command.

Loading takes most of a short command's time and nearly all of a server's start. A forked process evaluates the settings
of its own environment, as `manage.py` does. If a module has read a setting while it was loaded, and this environment
has another value for it, the process becomes a fresh `python PROGRAM` (see `fits`).
"""

import gc
import os
import pkgutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from asgiref.local import Local
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.functional import empty

from httpserver.metric_slots import defer_files
from latchkey.credential_headers import CredentialHeaders
from tests.support.server_secrets import SERVER_SECRETS

ROOT: Final = Path(__file__).parent.parent.parent
_SETTINGS: Final = "controlplane.settings"
# The first by `django.setup()`, which every command calls, the second because of `_forget`.
_READ_AGAIN: Final = ("LOGGING", "DATABASES")
_all: dict[str, Any] = {}
_read: dict[str, Any] = {}


def fits() -> bool:
    """Evaluate the settings of this process's environment, and return whether all that is loaded is what it would load."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", _SETTINGS)
    try:
        # django-axes adds its defaults to the settings while it is loaded.
        for name in [name for name in _all if not hasattr(settings, name)]:
            setattr(settings, name, _all[name])
    except ImproperlyConfigured:
        # The command evaluates them once more, and says what is wrong.
        _reset()
        return True
    return all(_comparable(getattr(settings, name)) == _comparable(value) for name, value in _read.items())


def _comparable(value: object) -> object:
    return value.names if isinstance(value, CredentialHeaders) else value


def _load() -> None:
    if settings.configured:
        raise RuntimeError("only the process that commands are forked from may load this")
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="preloaded-") as data_dir:
        os.environ.clear()
        os.environ |= {
            "PATH": before["PATH"],
            "DATA_DIR": data_dir,
            **SERVER_SECRETS,
            "DJANGO_SETTINGS_MODULE": _SETTINGS,
        }
        # As `serve` does: only a process of the server has files for its metrics.
        defer_files()
        import django

        django.setup()
        for name in _modules():
            import_module(name)
    os.environ.clear()
    os.environ |= before
    _forget()
    if threading.active_count() > 1:
        raise RuntimeError("a thread was started while Latchkey was loaded: it would be missing in what is forked")
    gc.collect()
    gc.freeze()


def _modules() -> Iterator[str]:
    """Yield the names of what the commands, the pages and the server consist of. Not those of `controlplane` that read
    the environment of a process of the server.
    """
    yield from ("controlplane.urls", "controlplane.processes.worker", "gunicorn.app.base", "a2wsgi", "markdown_it")
    apps = ("access", "apikeys", "backup", "console", "controlplane", "events", "gateway", "health", "ratelimit")
    commands = (f"{app}.management.commands" for app in apps if (ROOT / app / "management").exists())
    for package in ("api", "gateway.native", "httpserver", "latchkey.cli", "ratelimit", *commands):
        for found in pkgutil.walk_packages([str(ROOT.joinpath(*package.split(".")))], f"{package}."):
            if not found.name.endswith("__main__"):
                yield found.name


def _forget() -> None:
    """Forget the template's settings, and what Django has derived from them."""
    _all.update({name: value for name, value in vars(settings._wrapped).items() if name.isupper()})
    _read.update({name: value for name, value in vars(settings).items() if name not in ("_wrapped", *_READ_AGAIN)})
    _reset()
    connections._settings = None  # type: ignore[attr-defined]
    connections.__dict__.pop("settings", None)
    connections._connections = Local(connections.thread_critical)  # type: ignore[attr-defined]


def _reset() -> None:
    settings._wrapped = empty
    sys.modules.pop(_SETTINGS, None)


_load()
