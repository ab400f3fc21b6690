"""ConfigService, the only writer of keys: it validates every change, appends its event and publishes its epoch."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apikeys import validation
from apikeys.cache.epochs import known_epoch, publish_epoch
from apikeys.cache.propagation_bound import propagation_bound
from apikeys.change_events import as_json, change_entries, differ_as_json, expiry_entries
from apikeys.errors import AlreadyRevoked, NotFound
from apikeys.grants import check_grant, refuse_move
from apikeys.models import APIKey, KeySecret, SecretState, UsageMark, keep_related, keep_secrets
from apikeys.new_secrets import new_secret, replace_secret
from apikeys.peppers import configured_peppers
from apikeys.policies.key_plan import check_key_plan
from apikeys.search import SEARCHED, index_statement
from events import log as event_log
from events.batched_sql import delete_statement, insert_statement, run, select_statement
from events.change import Change, change
from events.draft import Entry
from events.lock_timeout import lock_timeout_statements, set_lock_timeout
from events.models import Event
from events.origin import Origin
from events.types import EventType
from events.webhooks.service import WebhookService
from latchkey.auth_context import AuthContext
from latchkey.credentials import Credential, generate_key_id
from latchkey.preconditions import PreconditionFailed, check_state
from latchkey.rotation import DEFAULT_GRACE_SECONDS
from latchkey.timestamps import rfc3339
from latchkey.validation import clean, without_unchanged
from ratelimit.limit import parse_limit_text
from ratelimit.limiter import Limiter, default_limiter

EXPIRY_BATCH: Final = 100


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
    which the caller based the change; None accepts any. Without `moves_keys`, no key gets or leaves an owner that has a
    row, and so limits that its keys share.

    Every method raises InvalidParameters, NotFound, AlreadyRevoked, PreconditionFailed or InsufficientScope, and
    changes nothing in that case.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        authority: AuthContext | None = None,
        expected: Collection[int] | None = None,
        moves_keys: bool = True,
        limiter: Limiter | None = None,
        now: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._origin = origin
        self._authority = authority
        self._expected = expected
        self._moves_keys = moves_keys
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

        `values` are label (required), owner, scopes, rate_limit (default: DEFAULT_RATE_LIMIT), expires_at, metadata and
        plan. With `system` the key belongs to the server itself: see `apikeys.system_keys`.
        """
        now = self._now()
        cleaned = clean(values, validation.CREATE_RULES, now, required=("label",))
        if "rate_limit" not in cleaned:
            default = parse_limit_text(settings.DEFAULT_RATE_LIMIT)
            cleaned["rate_limit"] = default.as_json() if default else None
        fields = {_attribute(name): value for name, value in cleaned.items()}
        key = APIKey(key_id=generate_key_id(), created_at=now, system=system, **fields)
        check_grant(self._authority, key.scopes, named=key.scopes)
        with change() as unit:
            check_key_plan(key.plan_name, key.owner)
            key.save(force_insert=True)
            secret, credential = new_secret(key, slot=0, now=now)
            run([insert_statement([secret]), index_statement(key, is_new=True)])
            keep_secrets(key, [secret])
            keep_related(key, "usage_marks", [])
            self._append_event(
                unit, EventType.KEY_ISSUED, key, now, as_json(cleaned) | ({"system": True} if system else {})
            )
        return IssuedKey(key, credential)

    def update(self, key_id: str, values: object) -> APIKey:
        """Change any of label, owner, scopes, rate_limit, expires_at, metadata, plan and enabled.

        A value that equals the current one is not a change and creates no event.
        """
        now = self._now()
        with change() as unit:
            key = self._locked(key_id)
            current = {name: getattr(key, _attribute(name)) for name in validation.UPDATE_RULES}
            cleaned = clean(without_unchanged(values, current), validation.UPDATE_RULES, now)
            changes = {name: value for name, value in cleaned.items() if differ_as_json(current[name], value)}
            if changes.keys() - {"enabled"}:
                validation.refuse_system_key(key)
            if "scopes" in changes:
                wanted: list[str] = changes["scopes"]  # type: ignore[assignment]
                # Removing a scope that the caller lacks is forbidden too, not only granting it.
                check_grant(self._authority, sorted(set(wanted) ^ set(key.scopes)), named=wanted)
            if "owner" in changes and not self._moves_keys:
                refuse_move(key.owner, str(changes["owner"]))
            if changes:
                before = {name: current[name] for name in changes}
                for name, value in changes.items():
                    setattr(key, _attribute(name), value)
                if changes.keys() & {"plan", "owner"}:
                    check_key_plan(key.plan_name, key.owner)
                if "expires_at" in changes:
                    # The key gets a new expiry, which needs its own event.
                    key.expiry_told = False
                self._raise_epoch(key, "expiry_told", *changes)
                if changes.keys() & SEARCHED:
                    run([index_statement(key)])
                unit.append_all(change_entries(key, before, changes), origin=self._origin, at=now)
        self._publish_on_commit(key)
        return key

    def rotate(self, key_id: str, values: object = None) -> IssuedKey:
        """Create a new secret for the key. The old one still works for `grace_seconds` (default: one day).

        A grace of 0 ends all older secrets immediately. Raises RotationInProgress if the grace is not 0 and an
        older secret is still retiring.
        """
        now = self._now()
        cleaned = clean({} if values is None else values, validation.ROTATE_RULES, now)
        grace = timedelta(seconds=int(str(cleaned.get("grace_seconds", DEFAULT_GRACE_SECONDS))))
        with change() as unit:
            key = self._locked(key_id)
            validation.refuse_system_key(key)
            check_grant(self._authority, key.scopes)
            ends, credential = replace_secret(key, grace, now)
            self._raise_epoch(key)
            self._append_event(unit, EventType.KEY_ROTATED, key, now, {"retiring_secret_ends_at": rfc3339(ends)})
        self._publish_on_commit(key)
        return IssuedKey(key, credential)

    def finish_rotation(self, key_id: str, values: object = None) -> APIKey:
        """End the retiring secret now. If there is none, nothing changes and no event is created.

        `values` may contain the `secret_id` that is to end. Raises PreconditionFailed if that secret is active, or
        if another one is retiring.
        """
        now = self._now()
        named = clean({} if values is None else values, validation.FINISH_RULES, now).get("secret_id")
        with change() as unit:
            key = self._locked(key_id)
            secrets = key.secrets.all()
            ids = {secret.state: secret.pk for secret in secrets}
            if named is not None and (
                ids[SecretState.ACTIVE] == named or ids.get(SecretState.RETIRING, named) != named
            ):
                raise PreconditionFailed("The secret in secret_id is not the retiring one.")
            if SecretState.RETIRING in ids:
                run([delete_statement(KeySecret.objects.filter(pk=ids[SecretState.RETIRING]))])
                keep_secrets(key, [secret for secret in secrets if secret.state == SecretState.ACTIVE])
                self._raise_epoch(key)
                self._append_event(unit, EventType.ROTATION_FINISHED, key, now, {})
        self._publish_on_commit(key)
        return key

    def revoke(self, key_id: str) -> APIKey:
        """Revoke the key permanently."""
        now = self._now()
        with change() as unit:
            key = self._locked(key_id)
            # The row stays, so that its ID is never issued again and its history can be read.
            key.revoked_at = now
            self._raise_epoch(key, "revoked_at")
            self._append_event(unit, EventType.KEY_REVOKED, key, now, {})
        self._publish_on_commit(key)
        return key

    def forget_records(self) -> Event:
        """Append the event after which every process drops its cached keys, and return it.

        For rows that were changed without this service. No key and no epoch changes.
        """
        with transaction.atomic():
            return event_log.append(EventType.RECORDS_FORGOTTEN, origin=self._origin, at=self._now(), data={})

    def append_expiry_events(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        """Append the event of each key that has expired, once, as long as `should_continue` returns true.

        Return how many.
        """
        now = self._now()
        appended = 0
        while should_continue():
            with change() as unit:
                set_lock_timeout()
                due = APIKey.objects.select_for_update().filter(
                    expires_at__lte=now, expiry_told=False, revoked_at__isnull=True
                )
                # Each batch runs in its own transaction, so the locks of its keys are held only briefly.
                batch = list(due.order_by("pk")[:EXPIRY_BATCH])
                APIKey.objects.filter(pk__in=[key.pk for key in batch]).update(expiry_told=True)
                if batch:
                    unit.append_all(expiry_entries(batch), origin=self._origin, at=now)
            appended += len(batch)
            if len(batch) < EXPIRY_BATCH:
                break
        return appended

    def _append_event(self, unit: Change, type: EventType, key: APIKey, at: datetime, data: dict[str, object]) -> None:
        """Append one event about the key to the change."""
        unit.append_all([Entry(type, key.key_id, data)], origin=self._origin, at=at)

    def _locked(self, key_id: str) -> APIKey:
        """Return the key with its secrets, locked until the transaction ends."""
        lock = select_statement(APIKey.objects.select_for_update().filter(key_id=key_id))
        related = (model.objects.filter(key__key_id=key_id) for model in (KeySecret, UsageMark))
        *_, keys, secrets, marks = run([*lock_timeout_statements(), lock, *map(select_statement, related)])
        if not keys:
            raise NotFound("No key has this ID.")
        key: APIKey = keys[0]
        keep_secrets(key, secrets)
        keep_related(key, "usage_marks", marks)
        if key.revoked_at is not None:
            raise AlreadyRevoked("The key was revoked and cannot be changed.")
        # Otherwise a key could change the key of the health check, and make the server look unhealthy.
        if self._authority is not None:
            validation.refuse_system_key(key)
        check_state(key.epoch, self._expected, "The key")
        return key

    def _raise_epoch(self, key: APIKey, *changed: str) -> None:
        # After a restore from a backup the store's epoch can be above the database's. The new epoch has to exceed
        # both, or processes would ignore it.
        key.epoch = max(key.epoch, known_epoch(self._limiter, key.key_id)) + 1
        key.save(update_fields=["epoch", *changed])

    def _publish_on_commit(self, key: APIKey) -> None:
        transaction.on_commit(partial(self._publish, key.key_id, key.epoch))

    def _publish(self, key_id: str, epoch: int) -> None:
        published = publish_epoch(self._limiter, key_id, epoch)
        self._effective_by = propagation_bound(self._limiter).effective_by(self._now(), published=published)


def _attribute(name: str) -> str:
    """Return the name of the model's attribute for a field of a key: that of a plan reads no other table."""
    return "plan_id" if name == "plan" else name
