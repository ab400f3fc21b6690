"""Calls about keys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack
from uuid import uuid4

from latchkey import headers
from latchkey.client.document import Document
from latchkey.client.failures import WrongServer
from latchkey.client.imported_keys import ImportedKeys
from latchkey.client.key import IssuedKey, Key, KeyReceipt, changed_key
from latchkey.client.key_caller import KeyCaller
from latchkey.client.rate_limit import RateLimit
from latchkey.client.transport import Transport
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.rotation import DEFAULT_GRACE_SECONDS
from latchkey.timestamps import rfc3339

LARGEST_PAGE: Final = 200


def key_path(key_id: str) -> str:
    """Return the path of a key. Raises ValueError for a text that isn't a key ID."""
    # Otherwise a text with a slash or a question mark would lead to another path.
    if not KEY_ID_PATTERN.fullmatch(key_id):
        raise ValueError("a key ID must be lk_ and 12 characters of 0-9 and a-z")
    return f"/v1/keys/{key_id}"


class KeyValues(TypedDict, total=False):
    """Values of a new key. `rate_limit` None is none, `expires_at` None is never, and `plan` None is no plan."""

    owner: str
    scopes: Sequence[str]
    rate_limit: RateLimit | None
    expires_at: datetime | None
    metadata: Mapping[str, Any]
    plan: str | None


class KeyChanges(KeyValues, total=False):
    """Changes to a key. Fields that aren't named stay as they are."""

    label: str
    enabled: bool


class KeyFilters(TypedDict, total=False):
    """Filters of a list of keys. All of them apply; one that is None doesn't.

    Each word of `q` is part of the key ID, label, owner or metadata. `state` is active, disabled,
    expired, revoked, unlimited or rotating. `owner` and `label` are compared exactly. `plan` is the name of the keys'
    own plan.
    """

    q: str | None
    state: str | None
    owner: str | None
    label: str | None
    plan: str | None


@dataclass(frozen=True, slots=True)
class KeyPage:
    """A page of keys, newest first. `next` is the cursor of the next page, None at the end."""

    keys: tuple[Key, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Keys:
    """Calls about keys.

    Every method raises ClientError, and ValueError for an invalid key ID or a time without a zone.

    `if_match` is the `etag` of the key on which the change was decided. If the key was changed since, nothing is
    done and ReceivedProblem with the slug `precondition-failed` is raised.
    """

    transport: Transport

    def page(self, *, cursor: str | None = None, limit: int | None = None, **filters: Unpack[KeyFilters]) -> KeyPage:
        """Return one page of 1 to LARGEST_PAGE keys.

        A cursor continues the list with the filters that it came with, and is rejected with others.
        """
        query = {"cursor": cursor, "limit": limit, **filters}
        params = {name: str(value) for name, value in query.items() if value is not None}
        page = Document(self.transport.call("GET", "/v1/keys", params=params), "page")
        keys = tuple(Key.read(key) for key in page.documents("items", "key"))
        return KeyPage(keys, page.text("next") if page.has("next") else None)

    def list(self, **filters: Unpack[KeyFilters]) -> Iterator[Key]:
        """Yield all keys that match the filters, newest first. Each page is fetched when it's needed."""
        cursor: str | None = None
        while True:
            page = self.page(cursor=cursor, limit=LARGEST_PAGE, **filters)
            yield from page.keys
            cursor = page.next
            if cursor is None:
                return

    def show(self, key_id: str) -> Key:
        """Return the key."""
        received = self.transport.receive("GET", key_path(key_id))
        return Key.read(Document(received.value, "key"), received.etag)

    def callers(self, key_id: str) -> Sequence[KeyCaller]:
        """Return the client addresses and the services that use the key, those with the most requests first."""
        response = self.transport.call("GET", f"{key_path(key_id)}/callers")
        if not isinstance(response, list):
            raise WrongServer("The response has no list of callers.")
        return [KeyCaller.read(Document(caller, "caller")) for caller in response]

    def create(self, label: str, **values: Unpack[KeyValues]) -> IssuedKey:
        """Issue a key. Only this response has its credential.

        If the response is lost, the call is made again with the same Idempotency-Key.
        """
        name = {headers.IDEMPOTENCY_KEY: str(uuid4())}
        received = self.transport.receive(
            "POST", "/v1/keys", json={"label": label, **_as_json(values)}, header_fields=name
        )
        document = Document(received.value, "key")
        if document.has("credential"):
            return IssuedKey.read(document, received.etag)
        # An earlier attempt issued the key, and its secret is lost. Rotate it without a grace period and return
        # that secret. If someone has changed the key meanwhile, the ETag makes this fail.
        return self.rotate(Key.read(document).key_id, grace_seconds=0, if_match=received.etag)

    def update(self, key_id: str, *, if_match: str | None = None, **changes: Unpack[KeyChanges]) -> Key | KeyReceipt:
        """Change fields of a key. The change applies from the next request on."""
        return self._change_key("PATCH", key_id, json=_as_json(changes), if_match=if_match)

    def disable(self, key_id: str, *, if_match: str | None = None) -> Key | KeyReceipt:
        """Disable the key: its requests are rejected until it's enabled again."""
        return self.update(key_id, if_match=if_match, enabled=False)

    def enable(self, key_id: str, *, if_match: str | None = None) -> Key | KeyReceipt:
        """Enable a disabled key again."""
        return self.update(key_id, if_match=if_match, enabled=True)

    def revoke(self, key_id: str, *, if_match: str | None = None) -> None:
        """Revoke the key permanently."""
        self.transport.call("DELETE", key_path(key_id), header_fields=_if_match_header(if_match))

    def rotate(
        self, key_id: str, *, grace_seconds: int = DEFAULT_GRACE_SECONDS, if_match: str | None = None
    ) -> IssuedKey:
        """Make a new secret, which only this response has.

        The old one stays valid for `grace_seconds`, 0 to MAX_GRACE_SECONDS.
        """
        path, body = f"{key_path(key_id)}/rotate", {"grace_seconds": grace_seconds}
        received = self.transport.receive("POST", path, json=body, header_fields=_if_match_header(if_match))
        return IssuedKey.read(Document(received.value, "key"), received.etag)

    def finish_rotation(
        self, key_id: str, *, secret_id: int | None = None, if_match: str | None = None
    ) -> Key | KeyReceipt:
        """End the retiring secret now, even if it's still in use. With `secret_id`, only if it's that one.

        `Key.rotation_progress` of `show` says if the rotation is ready for this.
        """
        body = None if secret_id is None else {"secret_id": secret_id}
        return self._change_key("POST", key_id, "/rotate/finish", json=body, if_match=if_match)

    def import_batch(
        self, source: Mapping[str, object], keys: Sequence[Mapping[str, object]], *, dry_run: bool = False
    ) -> ImportedKeys:
        """Import keys of another system by their digests, up to 1,000 and 64 KiB as JSON. A repeat does no more.

        A key that can't be imported is left out: `errors` has its index and the reason.
        """
        body = {"source": source, "keys": keys, "dry_run": dry_run}
        return ImportedKeys.read(
            Document(self.transport.call("POST", "/v1/keys/import", json=body, idempotent=True), "import")
        )

    def _change_key(
        self, method: str, key_id: str, rest: str = "", json: object = None, if_match: str | None = None
    ) -> Key | KeyReceipt:
        received = self.transport.receive(
            method, key_path(key_id) + rest, json=json, header_fields=_if_match_header(if_match)
        )
        return changed_key(Document(received.value, "key"), received.etag)


def _if_match_header(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {headers.IF_MATCH: if_match}


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _encode(value) for name, value in values.items()}


def _encode(value: object) -> object:
    if isinstance(value, RateLimit):
        return value.as_json()
    return rfc3339(value) if isinstance(value, datetime) else value
