"""Argon2 password hasher with a limit on the resources that it takes from a host."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher


class SerialArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2 with 100 MB, 2 passes and 1 lane, one hash at a time across all processes that share DATA_DIR."""

    # A hash takes this memory and one core for some tenths of a second. Parallel hashes could exhaust the host's
    # memory, and more lanes would occupy all of its cores.
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _exclusive():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _exclusive():
            return super().verify(password, encoded)


@contextmanager
def _exclusive() -> Iterator[None]:
    """Hold the exclusive lock on DATA_DIR within the block."""
    descriptor = os.open(settings.DATA_DIR, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The kernel releases this lock with the process, however that ends.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
