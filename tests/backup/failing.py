"""Command in which one step fails, or the process is killed: python -m tests.backup.failing …"""

import os
import signal
import sys
from errno import ENOSPC
from importlib import import_module
from typing import Never

import django
from django.core.management import execute_from_command_line


def main(module: str, step: str, how: str, *arguments: str) -> None:
    """`how` is `error` or `kill`."""

    def fail(*_: object, **__: object) -> Never:
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    os.environ["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
    django.setup()
    place = import_module(module)
    assert hasattr(place, step)
    setattr(place, step, fail)
    execute_from_command_line(["manage.py", *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
