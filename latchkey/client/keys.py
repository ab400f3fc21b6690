"""The calls about keys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack
from uuid import uuid4

from latchkey import headers
from latchkey.client.document import Document
from latchkey.client.key import IssuedKey, Key, KeyReceipt, changed_key
from latchkey.client.rate_limit import RateLimit
from latchkey.client.transport import Transport
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.timestamps import rfc3339

LARGEST_PAGE: Final = 200


def key_path(key_id: str) -> str:
    """The path of a key. Raises ValueError for what is no key id, so that no id leads to another path."""
    if not KEY_ID_PATTERN.fullmatch(key_id):
        raise ValueError("a key id is lk_ and 12 characters of 0-9 and a-z")
    return f"/v1/keys/{key_id}"


class KeyValues(TypedDict, total=False):
    """What a key is made with. `rate_limit` None is unlimited; `expires_at` None is never."""

    owner: str
    scopes: Sequence[str]
    rate_limit: RateLimit | None
    expires_at: datetime | None
    metadata: Mapping[str, Any]


class KeyChanges(KeyValues, total=False):
    """What can be changed of a key; what is not named stays."""

    label: str
    enabled: bool


class KeyFilters(TypedDict, total=False):
    """Which keys are listed: all of the filters apply, and one that is None does not. `q` begins the key id, or words
    of the label or the owner; `state` is active, disabled, expired, revoked, unlimited or rotating; `owner` and `label`
    are compared exactly.
    """

    q: str | None
    state: str | None
    owner: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Keys, newest first; `next` is the cursor of the page that follows, None at the end."""

    keys: tuple[Key, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Keys:
    """Every method raises ClientError, and ValueError for what is no key id or a time without its zone.

    `if_match` is the `etag` of the key on which the change was decided: if the key was changed since, nothing is done
    and ReceivedProblem with the slug `precondition-failed` is raised.
    """

    transport: Transport

    def page(self, *, cursor: str | None = None, limit: int | None = None, **filters: Unpack[KeyFilters]) -> KeyPage:
        """One page of 1 to LARGEST_PAGE keys. A cursor goes on with the list of the filters that it came with, and is
        rejected with others.
        """
        asked = {"cursor": cursor, "limit": limit, **filters}
        params = {name: str(value) for name, value in asked.items() if value is not None}
        page = Document(self.transport.call("GET", "/v1/keys", params=params), "page")
        keys = tuple(Key.read(key) for key in page.documents("items", "key"))
        return KeyPage(keys, page.text("next") if page.has("next") else None)

    def list(self, **filters: Unpack[KeyFilters]) -> Iterator[Key]:
        """All keys that pass the filters, newest first, page by page as they are taken."""
        cursor: str | None = None
        while True:
            page = self.page(cursor=cursor, limit=LARGEST_PAGE, **filters)
            yield from page.keys
            cursor = page.next
            if cursor is None:
                return

    def show(self, key_id: str) -> Key:
        """The key."""
        received = self.transport.receive("GET", key_path(key_id))
        return Key.read(Document(received.value, "key"), received.etag)

    def create(self, label: str, **values: Unpack[KeyValues]) -> IssuedKey:
        """Issues a key. Its credential is in this answer alone.

        If the answer is lost, the call is made again under the same Idempotency-Key. Then one key is there and nobody
        has its secret: it is rotated without a grace, if nobody has changed it meanwhile, and that secret is returned.
        """
        name = {headers.IDEMPOTENCY_KEY: str(uuid4())}
        received = self.transport.receive("POST", "/v1/keys", json={"label": label, **_as_json(values)}, fields=name)
        document = Document(received.value, "key")
        if document.has("credential"):
            return IssuedKey.read(document, received.etag)
        return self.rotate(Key.read(document).key_id, grace_seconds=0, if_match=received.etag)

    def update(self, key_id: str, *, if_match: str | None = None, **changes: Unpack[KeyChanges]) -> Key | KeyReceipt:
        """Changes what is named; the change holds from the next request on."""
        return self._changed("PATCH", key_id, json=_as_json(changes), if_match=if_match)

    def disable(self, key_id: str, *, if_match: str | None = None) -> Key | KeyReceipt:
        """Refuses the key until it is enabled again."""
        return self.update(key_id, if_match=if_match, enabled=False)

    def enable(self, key_id: str, *, if_match: str | None = None) -> Key | KeyReceipt:
        """Lets a disabled key pass again."""
        return self.update(key_id, if_match=if_match, enabled=True)

    def revoke(self, key_id: str, *, if_match: str | None = None) -> None:
        """Ends the key permanently."""
        self.transport.call("DELETE", key_path(key_id), fields=_condition(if_match))

    def rotate(self, key_id: str, *, grace_seconds: int = 86_400, if_match: str | None = None) -> IssuedKey:
        """Makes a new secret, which is in this answer alone; the old one works on for `grace_seconds`, 0 to 2592000."""
        path, body = f"{key_path(key_id)}/rotate", {"grace_seconds": grace_seconds}
        received = self.transport.receive("POST", path, json=body, fields=_condition(if_match))
        return IssuedKey.read(Document(received.value, "key"), received.etag)

    def finish_rotation(
        self, key_id: str, *, secret_id: int | None = None, if_match: str | None = None
    ) -> Key | KeyReceipt:
        """Ends the retiring secret now, whoever still uses it: `Key.rotation_progress` of `show` says if it's ready.
        With `secret_id` only if it is that one.
        """
        body = None if secret_id is None else {"secret_id": secret_id}
        return self._changed("POST", key_id, "/rotate/finish", json=body, if_match=if_match)

    def _changed(
        self, method: str, key_id: str, rest: str = "", json: object = None, if_match: str | None = None
    ) -> Key | KeyReceipt:
        received = self.transport.receive(method, key_path(key_id) + rest, json=json, fields=_condition(if_match))
        return changed_key(Document(received.value, "key"), received.etag)


def _condition(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {headers.IF_MATCH: if_match}


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _member(value) for name, value in values.items()}


def _member(value: object) -> object:
    if isinstance(value, RateLimit):
        return value.as_json()
    return rfc3339(value) if isinstance(value, datetime) else value
