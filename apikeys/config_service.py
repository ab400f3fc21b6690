"""ConfigService, the only writer of keys: it validates every change, appends its event and publishes its epoch."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apikeys import validation
from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.cache.propagation_bound import Reach
from apikeys.change_events import as_data, differ, entries_of, expired
from apikeys.errors import AlreadyRevoked, InsufficientScope, NotFound, RotationInProgress
from apikeys.models import APIKey, KeySecret, SecretState, keep_secrets
from apikeys.peppers import configured_peppers
from apikeys.search import words_written
from events.batched_sql import deleting, inserting, reading, run, updating
from events.change import Change, change
from events.draft import Entry
from events.lock_timeout import bound_lock_waits, lock_bound
from events.origin import Origin
from events.types import EventType
from events.webhooks.service import WebhookService
from latchkey.auth_context import AuthContext
from latchkey.credentials import Credential, generate_key_id, generate_secret
from latchkey.preconditions import PreconditionFailed, check_state
from latchkey.timestamps import rfc3339
from latchkey.validation import clean, without_unchanged
from ratelimit.limit import limit_from_text
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.stores import BucketStoreError
from ratelimit.stores.fallback import Fallback

EXPIRY_BATCH: Final = 100


log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with a new credential. The secret is not available at any other time."""

    key: APIKey
    credential: Credential


class ConfigService:
    """Changes keys on behalf of `origin`.

    Values are decoded JSON, as REST, the admin and the commands receive them, and are validated here. A change and
    its event are one transaction. The transaction also increments the key's epoch, which is published after the
    commit, so the change applies to the next request in every process.

    `authority` is the key that makes the call. It limits which scopes may be granted, removed or, by a rotation,
    obtained; None (an operator) may grant all. `expected` are the states (epochs, or revisions of webhooks) on
    which the caller based the change; None accepts any.

    Every method raises InvalidParameters, NotFound, AlreadyRevoked, PreconditionFailed or InsufficientScope, and
    changes nothing in that case.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        authority: AuthContext | None = None,
        expected: Collection[int] | None = None,
        limiter: Limiter | None = None,
        now: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._origin = origin
        self._authority = authority
        self._expected = expected
        self._limiter = limiter or default_limiter()
        self._now = now
        self._effective_by: datetime | None = None

    @property
    def effective_by(self) -> datetime | None:
        """Return the time from which no node can act on what the last change replaced, or None before a change was
        committed.

        It is by the clock of this node, in whole milliseconds. A call that changed nothing publishes the previous
        change again and sets this time as well.
        """
        return self._effective_by

    @property
    def webhooks(self) -> WebhookService:
        """Return the service that writes webhooks, on behalf of the same origin."""
        return WebhookService(self._origin, configured_peppers(), self._now, self._expected)

    def issue(self, values: object, *, system: bool = False) -> IssuedKey:
        """Issue a new key.

        `values` are label (required), owner, scopes, rate_limit (default: DEFAULT_RATE_LIMIT), expires_at and
        metadata. With `system` the key belongs to the server itself: see `apikeys.system_keys`.
        """
        now = self._now()
        cleaned = clean(values, validation.CREATE_RULES, now, required=("label",))
        if "rate_limit" not in cleaned:
            default = limit_from_text(settings.DEFAULT_RATE_LIMIT)
            cleaned["rate_limit"] = default.as_json() if default else None
        key = APIKey(key_id=generate_key_id(), created_at=now, system=system, **cleaned)
        self._check_grant(key.scopes, named=key.scopes)
        with change() as whole:
            key.save(force_insert=True)
            secret, credential = self._new_secret(key, slot=0, now=now)
            run([inserting([secret]), *words_written(key, is_new=True)])
            keep_secrets(key, [secret])
            self._tell(whole, EventType.KEY_ISSUED, key, now, as_data(cleaned) | ({"system": True} if system else {}))
        return IssuedKey(key, credential)

    def update(self, key_id: str, values: object) -> APIKey:
        """Change any of label, owner, scopes, rate_limit, expires_at, metadata and enabled.

        A value that equals the current one is not a change and creates no event.
        """
        now = self._now()
        with change() as whole:
            key = self._locked(key_id)
            current = {name: getattr(key, name) for name in validation.UPDATE_RULES}
            cleaned = clean(without_unchanged(values, current), validation.UPDATE_RULES, now)
            changes = {name: value for name, value in cleaned.items() if differ(getattr(key, name), value)}
            if changes.keys() - {"enabled"}:
                validation.refuse_system_key(key)
            if "scopes" in changes:
                wanted: list[str] = changes["scopes"]  # type: ignore[assignment]
                # Removing a scope that the caller lacks is forbidden too, not only granting it.
                self._check_grant(sorted(set(wanted) ^ set(key.scopes)), named=wanted)
            if changes:
                before = {name: getattr(key, name) for name in changes}
                for name, value in changes.items():
                    setattr(key, name, value)
                if "expires_at" in changes:
                    # The key gets a new expiry, which needs its own event.
                    key.expiry_told = False
                self._raise_epoch(key, "expiry_told", *changes)
                if changes.keys() & {"label", "owner"}:
                    run(words_written(key))
                whole.append_all(entries_of(key, before, changes), origin=self._origin, at=now)
        self._publish_on_commit(key)
        return key

    def rotate(self, key_id: str, values: object = None) -> IssuedKey:
        """Create a new secret for the key. The old one still works for `grace_seconds` (0 to 2592000, default one
        day).

        A grace of 0 ends all older secrets immediately. Raises RotationInProgress if the grace is not 0 and an
        older secret is still retiring.
        """
        now = self._now()
        cleaned = clean({} if values is None else values, validation.ROTATE_RULES, now)
        grace = timedelta(seconds=int(str(cleaned.get("grace_seconds", validation.DEFAULT_GRACE_SECONDS))))
        with change() as whole:
            key = self._locked(key_id)
            validation.refuse_system_key(key)
            self._check_grant(key.scopes)
            ends, credential = self._replace_secret(key, grace, now)
            self._raise_epoch(key)
            self._tell(whole, EventType.KEY_ROTATED, key, now, {"retiring_secret_ends_at": rfc3339(ends)})
        self._publish_on_commit(key)
        return IssuedKey(key, credential)

    def finish_rotation(self, key_id: str, values: object = None) -> APIKey:
        """End the retiring secret now. If there is none, nothing changes and no event is created.

        `values` may contain the `secret_id` that is to end. Raises PreconditionFailed if that secret is active, or
        if another one is retiring.
        """
        now = self._now()
        named = clean({} if values is None else values, validation.FINISH_RULES, now).get("secret_id")
        with change() as whole:
            key = self._locked(key_id)
            secrets = key.secrets.all()
            ids = {secret.state: secret.pk for secret in secrets}
            if named is not None and (
                ids[SecretState.ACTIVE] == named or ids.get(SecretState.RETIRING, named) != named
            ):
                raise PreconditionFailed("The secret in secret_id is not the retiring one.")
            if SecretState.RETIRING in ids:
                run([deleting(KeySecret.objects.filter(pk=ids[SecretState.RETIRING]))])
                keep_secrets(key, [secret for secret in secrets if secret.state == SecretState.ACTIVE])
                self._raise_epoch(key)
                self._tell(whole, EventType.ROTATION_FINISHED, key, now, {})
        self._publish_on_commit(key)
        return key

    def revoke(self, key_id: str) -> APIKey:
        """Revoke the key permanently."""
        now = self._now()
        with change() as whole:
            key = self._locked(key_id)
            # The row stays, so that its ID is never issued again and its history can be read.
            key.revoked_at = now
            self._raise_epoch(key, "revoked_at")
            self._tell(whole, EventType.KEY_REVOKED, key, now, {})
        self._publish_on_commit(key)
        return key

    def append_expiry_events(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Append the event of each key that has expired, once, as long as `go_on` returns true. Return how many."""
        now = self._now()
        told = 0
        while go_on():
            with change() as whole:
                bound_lock_waits()
                due = APIKey.objects.select_for_update().filter(
                    expires_at__lte=now, expiry_told=False, revoked_at__isnull=True
                )
                # Each batch runs in its own transaction, so the locks of its keys are held only briefly.
                batch = list(due.order_by("pk")[:EXPIRY_BATCH])
                APIKey.objects.filter(pk__in=[key.pk for key in batch]).update(expiry_told=True)
                if batch:
                    whole.append_all(expired(batch), origin=self._origin, at=now)
            told += len(batch)
            if len(batch) < EXPIRY_BATCH:
                break
        return told

    def _tell(self, whole: Change, type: EventType, key: APIKey, at: datetime, data: dict[str, object]) -> None:
        """Append one event about the key to the change."""
        whole.append_all([Entry(type, key.key_id, data)], origin=self._origin, at=at)

    def _locked(self, key_id: str) -> APIKey:
        """Return the key with its secrets, locked until the transaction ends."""
        lock = reading(APIKey.objects.select_for_update().filter(key_id=key_id))
        *_, keys, secrets = run([*lock_bound(), lock, reading(KeySecret.objects.filter(key__key_id=key_id))])
        if not keys:
            raise NotFound("No key has this ID.")
        key: APIKey = keys[0]
        keep_secrets(key, secrets)
        if key.revoked_at is not None:
            raise AlreadyRevoked("The key was revoked and cannot be changed.")
        # Otherwise a key could change the key of the health check, and make the server look unhealthy.
        if self._authority is not None:
            validation.refuse_system_key(key)
        check_state(key.epoch, self._expected, "The key")
        return key

    def _check_grant(self, scopes: Collection[str], *, named: Collection[str] = ()) -> None:
        """Raise InsufficientScope if the calling key lacks one of `scopes`.

        `named` are the scopes that the request itself contains. The message shows other scopes of the changed key
        only to a caller that may read keys.
        """
        if self._authority is None:
            return
        missing = [scope for scope in scopes if not self._authority.allows(scope)]
        if missing:
            may_read = self._authority.allows("keys:read")
            shown = [scope for scope in missing if may_read or scope in named]
            lacking = ", ".join(shown) or "scopes of this key, which a key with keys:read can look up"
            raise InsufficientScope(f"A key can grant, remove or obtain only its own scopes. It lacks: {lacking}.")

    def _new_secret(self, key: APIKey, *, slot: int, now: datetime) -> tuple[KeySecret, Credential]:
        peppers = configured_peppers()
        credential = Credential(key.key_id, generate_secret())
        digest = peppers.digest(credential.secret, peppers.current)
        return KeySecret(key=key, slot=slot, digest=digest, pepper_id=peppers.current, created_at=now), credential

    def _replace_secret(self, key: APIKey, grace: timedelta, now: datetime) -> tuple[datetime, Credential]:
        """Write a new secret next to the active one, which retires. Without a grace it replaces all secrets.

        Return the end of the secret that was active, and the new credential. Raises RotationInProgress.
        """
        secrets = {secret.state: secret for secret in key.secrets.all()}
        active, retiring = secrets[SecretState.ACTIVE], secrets.get(SecretState.RETIRING)
        if grace and retiring is not None and (retiring.expires_at is None or retiring.expires_at > now):
            raise RotationInProgress("An older secret of this key is still retiring.")
        new, credential = self._new_secret(key, slot=1 - active.slot, now=now)
        of_key = KeySecret.objects.filter(key=key)
        if not grace:
            run([deleting(of_key), inserting([new])])
            keep_secrets(key, [new])
            return now, credential
        active.retire(now, grace)
        ends = {"state": active.state, "expires_at": active.expires_at, "overdue_at": active.overdue_at}
        # The retiring secret has ended. It has to go first, because a key has at most one secret per state.
        ended = [deleting(of_key.filter(state=SecretState.RETIRING))] if retiring else []
        run([*ended, updating(of_key.filter(pk=active.pk), **ends), inserting([new])])
        keep_secrets(key, [active, new])
        return active.expires_at or now, credential

    def _raise_epoch(self, key: APIKey, *changed: str) -> None:
        # After a restore from a backup the store's epoch can be above the database's. The new epoch has to exceed
        # both, or processes would ignore it.
        key.epoch = max(key.epoch, self._known_epoch(key.key_id)) + 1
        key.save(update_fields=["epoch", *changed])

    def _publish_on_commit(self, key: APIKey) -> None:
        transaction.on_commit(partial(self._publish, key.key_id, key.epoch))

    def _known_epoch(self, key_id: str) -> int:
        """Return the epoch that the bucket store knows; 0 if it is down."""
        try:
            return self._limiter.epoch(key_id)
        except BucketStoreError:
            return 0

    def _publish(self, key_id: str, epoch: int) -> None:
        published = True
        try:
            self._limiter.publish_epoch(key_id, epoch)
        except BucketStoreError:
            # The change is committed. The background worker publishes it once the store is back. Until then other
            # processes learn of it when their record expires.
            log.exception("epoch_publication_failed", key_id=key_id, epoch=epoch)
            published = False
        self._effective_by = self._reach().effective_by(self._now(), published=published)

    def _reach(self) -> Reach:
        limiter = self._limiter
        return Reach(
            trusted_seconds=TTL_SECONDS,
            stale_seconds=settings.DIRECTORY_STALE_SECONDS,
            lease_seconds=limiter.lease_seconds,
            decides_alone=limiter.store_is_remote and limiter.fallback != Fallback.DENY,
        )
