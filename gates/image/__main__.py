"""`python -m gates.image [--all-required] [--list] [NAME...]`: runs the gates of the image that was built."""

import sys
from collections.abc import Callable
from functools import partial
from inspect import getdoc
from typing import Final

from gates.command import main
from gates.image.bill import bill
from gates.image.build import IMAGE
from gates.image.commands import ImageError
from gates.image.configuration import configuration, size
from gates.image.contents import bytecode, setuid, tools, writable
from gates.image.debian import updates
from gates.image.engine import engine
from gates.image.foundation import base
from gates.image.health_check import health_check
from gates.image.leaks import secrets
from gates.image.rights import rights
from gates.image.service import restart, stopping, story
from gates.image.shipped import Shipped, shipped
from gates.verdict import Gate, Verdict, judged

Judge = Callable[[Shipped], Verdict]
JUDGES: Final[dict[str, Judge]] = {
    "configuration": configuration,
    "base": base,
    "size": size,
    "setuid": setuid,
    "writable": writable,
    "tools": tools,
    "bytecode": bytecode,
    "secrets": secrets,
    "updates": updates,
    "bill": bill,
    "rights": rights,
    "health_check": health_check,
    "story": story,
    "restart": restart,
    "stopping": stopping,
}


def gates(judged_of: Callable[[Judge], Verdict]) -> tuple[Gate, ...]:
    """The gates; `judged_of` puts the image to the judge."""
    return tuple(Gate(name, getdoc(judge) or "", partial(judged_of, judge)) for name, judge in JUDGES.items())


def told(judge: Judge, image: Shipped) -> Verdict:
    """What a judge says; that it could not go on is a fault of the image."""
    try:
        return judge(image)
    except ImageError as error:
        return judged(str(error).splitlines())


def command(arguments: list[str]) -> int:
    """Runs the gates on IMAGE. 1 where one fails, or where there is no image."""
    if {"--list", "--help", "-h"} & set(arguments):
        return main("gates.image", gates(lambda _: judged([])), arguments)
    try:
        with shipped(engine(), IMAGE) as image:
            return main("gates.image", gates(lambda judge: told(judge, image)), arguments)
    except ImageError as error:
        print(f"latchkey: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(command(sys.argv[1:]))
