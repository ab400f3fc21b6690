"""`python forking.py DESCRIPTOR`: the installed command, loaded once and forked for each run that is asked for.

Run by the Python of the command's own environment. A line of JSON on the descriptor asks for a run, one with the exit
status answers; the standard streams are files.
"""

import gc
import json
import os
import pkgutil
import socket
import sys
import time
from importlib import import_module
from typing import Any

import httpx

import latchkey.cli
import latchkey.client
from latchkey.cli.main import main

# What a run imports only once it needs it; `typer._adapters` reads the arguments of every command.
LOADED = [
    *(
        import_module(found.name)
        for package in (latchkey.cli, latchkey.client)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ),
    import_module("typer._adapters"),
    import_module("pydantic.type_adapter"),
]


def become(run: dict[str, Any]) -> None:
    """Take the place of a process that was started with these arguments, environment, directory and streams."""
    os.environ.clear()
    os.environ.update(run["environment"])
    time.tzset()
    os.chdir(run["directory"])
    for number, (path, mode) in enumerate(zip(run["streams"], (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        descriptor = os.open(path, mode)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = run["arguments"]


def serve(descriptor: int) -> None:
    """Answer until there are no more questions. Returns in each process that is to be the command."""
    httpx.Client().close()  # which imports the rest of httpx
    gc.freeze()
    with socket.socket(fileno=descriptor) as asked, asked.makefile("rw") as lines:
        for line in iter(lines.readline, ""):
            pid = os.fork()
            if pid == 0:
                become(json.loads(line))
                return
            lines.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
            lines.flush()
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
    sys.exit(main())
