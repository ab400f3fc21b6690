"""Latchkey's server, installed from a wheel: its source tree, unchanged, in `tree`, and the commands that start it.

The one rule by which every process finds its code: `tree` is the first entry of the module search path. The commands
put it there. Python itself does so for a child process, which runs `tree/manage.py`.
"""

import argparse
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

TREE: Final = Path(__file__).resolve().parent / "tree"


def serve() -> None:
    """Run `latchkey-server`: create what is missing, as `make run` does, and start the server."""
    options = _parser().parse_args()
    bind = ["--bind", options.bind] if options.bind else []
    workers = ["--workers", options.workers] if options.workers else []
    sys.path.insert(0, str(TREE))
    from controlplane.bootstrap import main

    sys.exit(main(["--serve", "--first-start", *bind, *workers]))


def manage() -> None:
    """Run `latchkey-manage`: manage.py."""
    sys.path.insert(0, str(TREE))
    from manage import main

    main()


def _parser() -> argparse.ArgumentParser:
    # Help must create nothing, and `serve` can't show its own before there is a SECRET_KEY.
    parser = argparse.ArgumentParser(
        description="Start Latchkey. The first start creates an administrator and a key, and prints them once.",
        epilog="Settings come from the environment, such as DATA_DIR, PORT and WORKERS. latchkey-manage has "
        "all commands of the server.",
        allow_abbrev=False,
    )
    parser.add_argument("--bind", metavar="ADDRESS", default=os.environ.get("BIND"), help="HOST:PORT or unix:/PATH")
    parser.add_argument("--workers", metavar="N", help="default: WORKERS")
    parser.add_argument("--version", action="version", version=f"latchkey-server {version('latchkey-server')}")
    return parser
