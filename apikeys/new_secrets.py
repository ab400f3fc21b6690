"""New secrets of a key: for a new key, and for a rotation."""

from datetime import datetime, timedelta

from apikeys.errors import RotationInProgress
from apikeys.models import APIKey, KeySecret, SecretState, keep_secrets
from apikeys.peppers import configured_peppers
from events.batched_sql import delete_statement, insert_statement, run, update_statement
from latchkey.credentials import Credential, generate_secret


def new_secret(key: APIKey, *, slot: int, now: datetime) -> tuple[KeySecret, Credential]:
    """Return an unsaved row for a new secret of the key, and the credential with it."""
    peppers = configured_peppers()
    credential = Credential(key.key_id, generate_secret())
    digest = peppers.digest(credential.secret, peppers.current)
    return KeySecret(key=key, slot=slot, digest=digest, pepper_id=peppers.current, created_at=now), credential


def replace_secret(key: APIKey, grace: timedelta, now: datetime) -> tuple[datetime, Credential]:
    """Write a new secret next to the active one, which retires. Without a grace it replaces all secrets.

    Return the end of the secret that was active, and the new credential. Raises RotationInProgress.
    """
    secrets = {secret.state: secret for secret in key.secrets.all()}
    active, retiring = secrets[SecretState.ACTIVE], secrets.get(SecretState.RETIRING)
    if grace and retiring is not None and (retiring.expires_at is None or retiring.expires_at > now):
        raise RotationInProgress("An older secret of this key is still retiring.")
    new, credential = new_secret(key, slot=1 - active.slot, now=now)
    of_key = KeySecret.objects.filter(key=key)
    if not grace:
        run([delete_statement(of_key), insert_statement([new])])
        keep_secrets(key, [new])
        return now, credential
    active.retire(now, grace)
    ends = {"state": active.state, "expires_at": active.expires_at, "overdue_at": active.overdue_at}
    # The retiring secret has ended. It has to go first, because a key has at most one secret per state.
    ended = [delete_statement(of_key.filter(state=SecretState.RETIRING))] if retiring else []
    run([*ended, update_statement(of_key.filter(pk=active.pk), **ends), insert_statement([new])])
    keep_secrets(key, [active, new])
    return active.expires_at or now, credential
