"""The command on a terminal of a chosen width."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from tests.latchkey.cli.running import Latchkey


def on_terminal(latchkey: Latchkey, *arguments: str, columns: int = 80, typed: str = "") -> tuple[int, str]:
    """The exit code, and all that showed on the terminal. `typed` is typed once the command asks for something."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = latchkey.environment({"TERM": "xterm-256color"})
    command = [str(latchkey.program), *arguments]
    with subprocess.Popen(
        command, env=environment, stdin=slave, stdout=slave, stderr=slave, cwd=latchkey.home
    ) as running:
        os.close(slave)
        shown = b""
        deadline = time.monotonic() + 30
        while select.select([master], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:  # the command has ended
                break
            if typed and shown.rstrip().endswith(b":"):
                os.write(master, typed.encode() + b"\n")
                typed = ""
        exit_code = running.wait(10)
    os.close(master)
    return exit_code, shown.decode().replace("\r\n", "\n")
