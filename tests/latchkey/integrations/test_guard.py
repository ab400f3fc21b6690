"""Connections of a guard, and what its errors and representations show."""

import asyncio
import gc
import os
import traceback

import pytest

from latchkey.credentials import Credential, generate_secret
from latchkey.integrations.configuration import Configuration
from latchkey.integrations.guard import AsyncGuard, Guard
from latchkey.integrations.incoming import IncomingRequest
from latchkey.integrations.outcome import Allowed, Denied
from tests.latchkey.client.responses import KEY_ID, json_response
from tests.latchkey.integrations.conftest import Keys
from tests.latchkey.stub import stub
from tests.support.ports import free_port

pytestmark = pytest.mark.storeless("how an integration connects")


def request_of(credential: Credential) -> IncomingRequest:
    return IncomingRequest.of("/orders", {"X-API-Key": credential.reveal()}.get)


def test_a_forked_process_opens_its_own_connections(keys: Keys) -> None:
    guard, caller = Guard(Configuration.read(**keys.options())), request_of(keys.new())
    assert isinstance(guard.check(caller), Allowed)
    opened = guard._client()
    assert guard._client() is opened
    child = os.fork()
    if child == 0:
        passed = guard._client() is not opened and isinstance(guard.check(caller), Allowed)
        os._exit(0 if passed else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert isinstance(guard.check(caller), Allowed)
    guard.close()
    guard.close()


def test_event_loops_share_no_connection(keys: Keys) -> None:
    guard, caller = AsyncGuard(Configuration.read(**keys.options())), request_of(keys.new())

    async def visit() -> bool:
        found = [await guard.check(caller) for _ in range(3)]
        same = guard._client() is guard._client()
        await guard.aclose()
        await guard.aclose()
        return same and all(isinstance(outcome, Allowed) for outcome in found)

    assert asyncio.run(visit())
    assert asyncio.run(visit())
    gc.collect()
    assert len(guard._opened) == 0


def test_nothing_shows_a_secret(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, configuration = keys.new(), Configuration.read(**keys.options(url=f"http://127.0.0.1:{free_port()}"))
    request, guard = request_of(caller), Guard(configuration)
    shown = [repr(value) for value in (configuration, request, guard, vars(guard), guard.policy, vars(guard.policy))]
    outcome = guard.check(request)
    assert isinstance(outcome, Denied)
    shown += [repr(outcome), "".join(traceback.format_exception(outcome.error)), repr(outcome.error.__context__)]
    assert outcome.error.__context__ is None, "it would bring the frames of the call, which hold the credential"

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(guard.policy, "without_verdict", fail)
    with pytest.raises(ZeroDivisionError) as raised:
        guard.check(request)
    # Without the frame of this test, which has the credential.
    error = raised.value.with_traceback(raised.tb.tb_next)
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown += report.format()
    assert "lks_" not in "".join(shown)
    guard.close()


def test_what_a_client_sent_is_in_no_traceback(keys: Keys) -> None:
    guard, caller = Guard(Configuration.read(**keys.options())), keys.new()
    for sent in ({"X-API-Key": f"'{caller.reveal()}'"}, {"X-API-Key": f"{caller.reveal()},{keys.new().reveal()}"}):
        outcome = guard.check(IncomingRequest.of("/orders", sent.get))
        assert isinstance(outcome, Denied)
        report = traceback.TracebackException.from_exception(outcome.error, capture_locals=True)
        assert "lks_" not in "".join(report.format())


def test_the_server_has_the_last_word_about_scopes() -> None:
    credential = Credential(KEY_ID, generate_secret())
    verdict = {"valid": False, "code": "INSUFFICIENT_SCOPE", "key_id": KEY_ID, "scopes": ["*"], "metadata": {}}
    with stub(lambda _: json_response(verdict)) as server:
        guard = Guard(Configuration.read(url=server.url, api_key=credential.reveal()))
        outcome = guard.check(request_of(credential), ["orders:read"])
        guard.close()
    assert isinstance(outcome, Denied)
    assert (outcome.status, outcome.error.detail) == (403, "This call needs the scope orders:read.")
