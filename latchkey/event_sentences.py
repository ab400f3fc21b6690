"""Events as sentences, for pages and for the command: who did what to which key.

The sentences are templates. How their parts are shown, for example as links, is up to `Names`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from latchkey.limit_text import limit_text
from latchkey.relative_time import format_end
from latchkey.timestamps import parse_rfc3339

Say = Callable[..., str]
"""Function that fills a template with the parts that it's given by name."""


class Names(Protocol):
    """How parts of a sentence are shown. A key ID may be empty, and any text may be one that someone has changed."""

    def key(self, key_id: str) -> str:
        """Return the key, or "all keys" without an ID."""

    def webhook(self, webhook_id: str, label: str) -> str:
        """Return the webhook, with an article."""

    def guard_rail(self, name: str) -> str:
        """Return the guard rail."""

    def detail(self, text: str) -> str:
        """Return a text of the server about a guard rail."""

    def plan(self, name: str) -> str:
        """Return the plan."""

    def owner(self, name: str) -> str:
        """Return the owner of keys."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What a sentence is about. `data` is empty if the event has none."""

    type: str
    actor_name: str
    key_id: str
    data: Mapping[str, Any]
    now: datetime
    names: Names

    @property
    def actor(self) -> str:
        """Return who did it."""
        kind, _, name = self.actor_name.partition(":")
        if kind == "key":
            return self.names.key(name)
        return {"user": name, "command": f"manage.py {name}", "system": "Latchkey"}.get(kind, self.actor_name)

    @property
    def key(self) -> str:
        """Return the key that it's about."""
        return self.names.key(self.key_id)

    @property
    def webhook(self) -> str:
        """Return the webhook that it's about."""
        return self.names.webhook(self.word("webhook_id"), self.word("label"))

    @property
    def rail(self) -> str:
        """Return the guard rail that it's about."""
        return self.names.guard_rail(str(self.data.get("guard_rail") or self.data.get("component", "")))

    @property
    def plan(self) -> str:
        """Return the plan that it's about."""
        return self.names.plan(self.word("plan"))

    @property
    def owner(self) -> str:
        """Return the owner of keys that it's about."""
        return self.names.owner(self.word("owner"))

    def word(self, name: str) -> str:
        """Return a text of the data, empty if it's missing."""
        return str(self.data.get(name) or "")

    def end(self, name: str) -> str:
        """Return "ends in 3 days" or "ended 3 days ago" for a time of the data."""
        try:
            moment = parse_rfc3339(self.word(name))
        except ValueError:
            return "ended"
        return format_end(moment, self.now)

    def limit(self, name: str) -> str:
        """Return a rate limit of the data."""
        limit = self.data.get(name)
        if limit is None:
            return "none"
        # A changed event log may contain anything.
        burst, per_seconds = (limit.get("burst"), limit.get("per_seconds")) if isinstance(limit, dict) else (None, None)
        if not (type(burst) is type(per_seconds) is int and burst > 0 and per_seconds > 0):
            return "another limit"
        return limit_text(burst, per_seconds)

    def fields(self) -> str:
        """Return the names of the changed fields."""
        changed = self.data.get("to")
        names = [str(name).replace("_", " ") for name in changed] if isinstance(changed, dict) else []
        return ", ".join(names) or "fields"


def sentence(happening: Happening, say: Say) -> str:
    """Return what happened as one sentence. Details that an older version didn't record are left out."""
    template = _SENTENCES.get(happening.type)
    if template is None:
        return say("{actor}: {type}", actor=happening.actor, type=happening.type)
    return template(happening, say)


_Sentence = Callable[[Happening, Say], str]
_USUAL: Final = ("actor", "key", "webhook", "rail", "plan", "owner")


def _words(template: str, **words: Callable[[Happening], object]) -> _Sentence:
    """Return a sentence whose {actor}, {key}, {webhook}, {rail}, {plan} and {owner} are those of the event.

    Other words are as given.
    """

    def said(happening: Happening, say: Say) -> str:
        usual = {name: getattr(happening, name) for name in _USUAL if f"{{{name}}}" in template}
        return say(template, **usual, **{name: word(happening) for name, word in words.items()})

    return said


def _word(name: str) -> Callable[[Happening], str]:
    return lambda happening: happening.word(name)


def _end(name: str) -> Callable[[Happening], str]:
    return lambda happening: happening.end(name)


def _health(happening: Happening, say: Say) -> str:
    state = "opened an incident" if happening.word("status") == "degraded" else "is resolved"
    detail = happening.word("detail").removeprefix("Resolved: ")
    if not detail:
        return say("{rail} {state}", rail=happening.rail, state=state)
    return say("{rail} {state}: {detail}", rail=happening.rail, state=state, detail=happening.names.detail(detail))


def _waiver_ended(happening: Happening, say: Say) -> str:
    if happening.word("because") == "ended":
        return _words("{actor} ended the waiver of {rail} for {key}")(happening, say)
    return _words("The waiver of {rail} for {key} ended")(happening, say)


def _operator_changed(happening: Happening, say: Say) -> str:
    """Return who did what to whom, with the fields, and old and new groups: what an audit looks for first."""
    fields = happening.data.get("fields")
    named = f" ({', '.join(map(str, fields))})" if isinstance(fields, list) and fields else ""
    before, after = (happening.data.get(side) for side in ("from", "to"))
    old, new = (side.get("groups") if isinstance(side, dict) else None for side in (before, after))
    roles = "" if old is None and new is None else f", groups {_groups(old)} to {_groups(new)}"
    return say(
        "{actor}: {subject} {did}{named}{roles}",
        actor=happening.actor,
        subject=happening.word("subject").removeprefix("user:"),
        did=happening.word("did"),
        named=named,
        roles=roles,
    )


def _of_subject(happening: Happening, say: Say, template: str, **words: object) -> str:
    """Return a sentence about a limit, with {subject}: the key or the owner that has it."""
    subject = _subject(happening, say)
    return say(template, actor=happening.actor, limit=happening.word("limit"), subject=subject, **words)


def _override_granted(happening: Happening, say: Say) -> str:
    template = "{actor} granted an override of the limit {limit} to {subject}; it {ends}"
    return _of_subject(happening, say, template, ends=happening.end("until"))


def _override_ended(happening: Happening, say: Say) -> str:
    return _of_subject(happening, say, "{actor} ended the override of the limit {limit} for {subject}")


def _limit_adjusted(happening: Happening, say: Say) -> str:
    before, after = (_count(happening.data.get(name)) for name in ("before", "after"))
    template = "{actor} adjusted the use of the limit {limit} of {subject} from {before} to {after}: {reason}"
    return _of_subject(happening, say, template, before=before, after=after, reason=happening.word("reason"))


def _quota_reached(happening: Happening, say: Say) -> str:
    percent = happening.data.get("percent")
    share = f"{percent} %" if type(percent) is int else "much"
    template = "{share} of the quota {limit} of {subject} is used"
    return say(template, share=share, limit=happening.word("limit"), subject=_subject(happening, say))


def _subject(happening: Happening, say: Say) -> str:
    """Return the key or the owner that has the limit."""
    return say("the owner {owner}", owner=happening.owner) if happening.word("owner") else happening.key


def _count(value: object) -> str:
    return f"{value:,}" if type(value) is int else "an unknown value"


def _attempts(happening: Happening) -> str:
    return "1 attempt" if happening.data.get("refused") == 1 else f"{happening.word('refused')} attempts"


def _is_unknown(happening: Happening) -> bool:
    return happening.word("name") in ("", "unknown")


def _user(happening: Happening) -> str:
    return "an unknown user" if _is_unknown(happening) else happening.word("name")


def _groups(values: object) -> str:
    return ", ".join(map(str, values)) or "none" if isinstance(values, list) else "none"


_SENTENCES: Final[Mapping[str, _Sentence]] = {
    "KeyIssued": _words("{actor} issued {key}"),
    "KeyUpdated": _words("{actor} changed {fields} of {key}", fields=Happening.fields),
    "RateLimitChanged": _words(
        "{actor} changed the limit of {key} from {old} to {new}",
        old=lambda happening: happening.limit("from"),
        new=lambda happening: happening.limit("to"),
    ),
    "KeyRotated": _words("{actor} rotated {key}; the old secret {ends}", ends=_end("retiring_secret_ends_at")),
    "RotationFinished": _words("{actor} finished the rotation of {key}"),
    "KeysImported": _words("{actor} imported {count} keys of {source}", count=_word("count"), source=_word("source")),
    "RecordsForgotten": _words("{actor} made all processes read their keys again"),
    "KeyDisabled": _words("{actor} disabled {key}"),
    "KeyEnabled": _words("{actor} enabled {key}"),
    "KeyRevoked": _words("{actor} revoked {key}"),
    "KeyExpired": _words("{key} expired"),
    "PlanCreated": _words("{actor} created the plan {plan}"),
    "PlanChanged": _words("{actor} changed the limits of the plan {plan}"),
    "PlanDeleted": _words("{actor} deleted the plan {name}", name=_word("plan")),
    "OwnerCreated": _words("{actor} created the owner {owner}"),
    "OwnerChanged": _words("{actor} changed {fields} of the owner {owner}", fields=Happening.fields),
    "OwnerDeleted": _words("{actor} deleted the owner {name}", name=_word("owner")),
    "OverrideGranted": _override_granted,
    "OverrideEnded": _override_ended,
    "LimitAdjusted": _limit_adjusted,
    "QuotaReached": _quota_reached,
    "HealthChanged": _health,
    "AuthenticationFailureBurst": _words(
        "{address} continued after too many failed authentications: {refused} rejected",
        address=_word("address"),
        refused=_attempts,
    ),
    "WaiverGranted": _words("{actor} waived {rail} for {key}: {reason}", reason=_word("reason")),
    "WaiverEnded": _waiver_ended,
    "WebhookAdded": _words("{actor} added {webhook}"),
    "WebhookUpdated": _words("{actor} changed {fields} of {webhook}", fields=Happening.fields),
    "WebhookSecretRotated": _words(
        "{actor} rotated the secret of {webhook}; the old one {ends}", ends=_end("retiring_secret_ends_at")
    ),
    "WebhookTested": _words("{actor} sent a test to {webhook}"),
    "WebhookResent": _words("{actor} sent event {event} to {webhook} again", event=_word("event_id")),
    "WebhookRemoved": _words(
        "{actor} removed the webhook {name}",
        name=lambda happening: happening.word("label") or happening.word("webhook_id"),
    ),
    "WebhookDisabled": _words(
        "Latchkey disabled {webhook}: {error}",
        error=lambda happening: happening.word("last_error") or happening.word("reason"),
    ),
    "BackupRestored": _words("{actor} restored the backup {backup}", backup=_word("backup")),
    "OperatorSignedIn": _words("{actor} signed in from {address}", address=_word("address")),
    "OperatorSignInFailed": _words("A sign-in as {name} failed at {address}", name=_user, address=_word("address")),
    "OperatorLockedOut": _words(
        "{name} was locked out at {address}",
        name=lambda happening: _user(happening).capitalize() if _is_unknown(happening) else _user(happening),
        address=_word("address"),
    ),
    "OperatorSignedOut": _words("{actor} signed out"),
    "OperatorChanged": _operator_changed,
}
