import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher

from access.password_hasher import SerialArgon2PasswordHasher
from controlplane import settings as configured

SALT = Argon2PasswordHasher().salt()


class CheapHasher(SerialArgon2PasswordHasher):
    memory_cost = 1024
    time_cost = 1


def test_server_uses_this_hasher() -> None:
    assert configured.PASSWORD_HASHERS == ["access.password_hasher.SerialArgon2PasswordHasher"]


def test_hashes_run_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call opens the lock's file for itself, so threads exclude each other as processes do."""
    at_work, most, begun = 0, 0, threading.Barrier(4)
    real = Argon2PasswordHasher.encode

    def encode(self: Argon2PasswordHasher, password: str, salt: str) -> str:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        encoded: str = real(self, password, salt)
        at_work -= 1
        return encoded

    def hash_some(_: int) -> None:
        begun.wait(30)
        for _ in range(20):
            CheapHasher().encode("password", SALT)

    monkeypatch.setattr(Argon2PasswordHasher, "encode", encode)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hash_some, range(4)))
    assert most == 1


def test_hash_with_other_parameters_is_renewed() -> None:
    class Before(CheapHasher):
        parallelism = 8

    encoded = Before().encode("password", SALT)
    assert CheapHasher().verify("password", encoded)
    assert not CheapHasher().verify("passwort", encoded)
    assert CheapHasher().must_update(encoded)
    assert not CheapHasher().must_update(CheapHasher().encode("password", SALT))
