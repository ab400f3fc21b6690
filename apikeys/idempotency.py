"""Idempotency-Key: a creation that is requested twice under one name happens once.

After draft-ietf-httpapi-idempotency-key-header. The name is opaque here, with or without the draft's quotes.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from apikeys.errors import MalformedRequest
from apikeys.models import IdempotencyRecord
from events.batched_sql import insert_statement, run, select_statement
from events.chain import canonical
from events.change import change
from events.lock_timeout import lock_timeout_statements
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters

KEPT_FOR: Final = timedelta(hours=24)
MAX_NAME: Final = 255
SWEEP_BATCH: Final = 500
_NAME: Final = re.compile(rf"[\x21-\x7e]{{1,{MAX_NAME}}}")


@dataclass(frozen=True, slots=True)
class Creation:
    """Result of a request that creates something: the body and the header fields of its response.

    `replay_body` is the body for a repeated request, without what is shown only once.
    """

    body: dict[str, object] = field(repr=False)
    replay_body: dict[str, object]
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class NamedRequest:
    """A creation that the key `caller` requests under the Idempotency-Key `name`. Raises MalformedRequest."""

    caller: str
    name: str
    path: str
    content: object

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise MalformedRequest(
                f"Idempotency-Key must be 1 to {MAX_NAME} visible ASCII characters, for example a UUID."
            )


def create_once(request: NamedRequest, create: Callable[[], Creation], now: datetime) -> Creation:
    """Return what `create` returns, or the stored result if the same request was made within KEPT_FOR.

    Both are one transaction, so the name is free again if it fails. Of two simultaneous requests, on any two
    nodes, the second waits for the first. Raises InvalidParameters if the name was used for another request.
    """
    digest = _digest([request.path, request.content])
    with change():
        record = _locked(request, digest, now)
        if record.answer_json and record.created_at > now - KEPT_FOR:
            return _replayed(record, digest)
        creation = create()
        record.request_digest, record.created_at = digest, now
        record.answer_json = json.dumps([creation.replay_body, creation.fields])
        record.save()
    return creation


def prune_idempotency_records(now: datetime, should_continue: Callable[[], bool] = lambda: True) -> int:
    """Delete the records that are no longer repeated, in batches, as long as `should_continue` returns true.

    Return how many.
    """
    deleted = 0
    old = IdempotencyRecord.objects.filter(created_at__lte=now - KEPT_FOR).order_by("created_at")
    while should_continue() and (batch := list(old.values_list("pk", flat=True)[:SWEEP_BATCH])):
        deleted += IdempotencyRecord.objects.filter(pk__in=batch, created_at__lte=now - KEPT_FOR).delete()[0]
    return deleted


def _locked(request: NamedRequest, digest: str, now: datetime) -> IdempotencyRecord:
    """Return the record of this request, locked until the transaction ends. A record without a stored response is
    new.
    """
    new = IdempotencyRecord(
        caller=request.caller, name_digest=_digest(request.name), request_digest=digest, created_at=now
    )
    same = IdempotencyRecord.objects.filter(caller=new.caller, name_digest=new.name_digest)
    found: list[IdempotencyRecord] = []
    # An old record may be deleted between the two statements.
    while not found:
        # The unique constraint is the lock between two simultaneous requests: the second insert waits for the
        # first.
        add = insert_statement([new], ignore_conflicts=True)
        *_, found = run([*lock_timeout_statements(), add, select_statement(same.select_for_update())])
    return found[0]


def _replayed(record: IdempotencyRecord, digest: str) -> Creation:
    """Return the stored result of the request. Raises InvalidParameters if it was another request."""
    if record.request_digest != digest:
        detail = "This Idempotency-Key was sent with another request. Use a new one for each new request."
        raise InvalidParameters.of([FieldError("", "idempotency-key-reused", detail)])
    response: Any = json.loads(record.answer_json)
    return Creation(response[0], response[0], response[1])


def _digest(value: object) -> str:
    return sha256(canonical(value).encode()).hexdigest()
