"""Explanation of a failure for people: what happened, where, and what to do next. Also its exit code."""

from typing import Final

from latchkey.cli.errors import CLIError
from latchkey.cli.exit_codes import COULD_NOT, REFUSED
from latchkey.cli.printable import printable
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError
from latchkey.redaction import redact

_TRANSIENT: Final = (408, 429)
_REMEDIES: Final = {
    "insufficient-scope": "Use another key that has it: set LATCHKEY_API_KEY, or add --api-key - and type the key. Or "
    "grant it with a key that has keys:write and itself holds the scope (or *): latchkey keys update KEY_ID --scope …, "
    "with all scopes that the key should have.",
    "quota-exceeded": "Wait that long, or let latchkey wait for you: latchkey --wait COMMAND.",
    "rotation-in-progress": "Once the new secret is in use, end the old one (latchkey keys finish-rotation KEY_ID). Or "
    "wait until it ends, or end every older secret immediately (latchkey keys rotate KEY_ID --at-once).",
    "precondition-failed": "Nothing was changed. Show the key again (latchkey keys show KEY_ID) and use its new etag.",
    "invalid-parameters": "Fix the fields listed above and try again. Nothing was changed.",
    "already-revoked": "Revocation is permanent. Issue another key: latchkey keys create --label LABEL.",
    "disabled-key": "Enable it with another key that has keys:write: latchkey keys enable KEY_ID.",
    "expired-key": "Extend its expiry with another key that has keys:write: "
    "latchkey keys update KEY_ID --expires-in 90d.",
}
_WEBHOOK_REMEDIES: Final = {
    "not-found": "Check the ID: latchkey webhooks list shows all webhooks, and latchkey webhooks deliveries WEBHOOK_ID "
    "the deliveries of one.",
    "rotation-in-progress": "Wait until the old secret ends, or end every older secret immediately "
    "(latchkey webhooks rotate-secret WEBHOOK_ID --at-once).",
    "precondition-failed": "Nothing was changed. Show the webhook again (latchkey webhooks show WEBHOOK_ID) and use "
    "its new etag.",
}

# Where a call was made: the first part that its path has.
_NOT_FOUND: Final = {
    "/adjust": "Check the name: latchkey limits KEY_ID, or latchkey limits --owner SLUG, shows all limits.",
    "/v1/keys/": "Check the key ID: latchkey keys list shows all keys.",
    "/v1/plans/": "Check the name: latchkey plans list shows all plans.",
    "/v1/owners/": "Check the slug: latchkey owners list shows all owners.",
    "/v1/overrides/": "Check the ID: latchkey limits override list shows all overrides.",
}
_PRECONDITIONS: Final = {
    "/v1/plans/": "Nothing was changed. Another client changed the plan at the same time: try again.",
}


def exit_code_of(failure: Exception) -> int:
    """Return REFUSED if the call would be rejected again, or COULD_NOT if it may succeed later or elsewhere."""
    if isinstance(failure, CLIError):
        return REFUSED
    status = _status(failure)
    return REFUSED if status is not None and status < 500 and status not in _TRANSIENT else COULD_NOT


def error_message(failure: Exception, caller: str = "") -> str:
    """Return the lines for standard error. `caller` names the calling key, and where it comes from."""
    lines = [f"latchkey: {_title(failure)}", *_reasons(failure)]
    if caller and getattr(failure, "slug", None) == "insufficient-scope":
        lines.append(f"  The call was made with {caller}.")
    remedy = _remedy(failure)
    if remedy:
        lines.append(f"What to do: {remedy}")
    request_id = getattr(failure, "request_id", "")
    if request_id:
        lines.append(f"Request ID: {request_id}")
    # A server's text may hold characters that control the terminal, or a secret.
    return "\n".join(printable(redact(line)) for line in lines)


def _reasons(failure: Exception) -> list[str]:
    """Return why it failed, each reason once."""
    if not isinstance(failure, ProblemError):
        return [f"  {failure}"]
    faults = dict.fromkeys(f"  {fault.pointer or '/'}: {fault.detail}" for fault in failure.errors)
    # The detail of a problem with `errors` repeats them, so leave it out.
    lines = list(faults) or [f"  {failure}"]
    seconds = failure.retry_after_seconds
    if seconds is not None and f" {seconds} second" not in str(failure):
        lines.append(f"  Retry in {seconds} {'second' if seconds == 1 else 'seconds'}.")
    return lines


def _title(failure: Exception) -> str:
    own: str | None = getattr(failure, "title", None)
    if own is None and isinstance(failure, ProblemError):
        return CATALOGUE[failure.slug].title
    status, slug = getattr(failure, "status", None), getattr(failure, "slug", None)
    return f"{own} ({status} {slug})" if status is not None and slug is not None else str(own)


def _remedy(failure: Exception) -> str:
    if isinstance(failure, ProblemError):
        known, instance = CATALOGUE.get(failure.slug), getattr(failure, "instance", "")
        if failure.slug in _WEBHOOK_REMEDIES and instance.startswith("/v1/webhooks/"):
            return _WEBHOOK_REMEDIES[failure.slug]
        by_place = {"not-found": _NOT_FOUND, "precondition-failed": _PRECONDITIONS}.get(failure.slug, {})
        if remedy := next((remedy for place, remedy in by_place.items() if place in instance), ""):
            return remedy
        return _REMEDIES.get(failure.slug) or (known.remedy if known else "")
    return str(getattr(failure, "remedy", ""))


def _status(failure: Exception) -> int | None:
    """Return the status of a problem, received or our own, and None for every other failure."""
    if not isinstance(failure, ProblemError):
        return None
    received: int | None = getattr(failure, "status", None)
    return received or CATALOGUE[failure.slug].status
