"""Single-use forms: reloading the page that shows a new secret doesn't create another secret."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from django import forms
from django.core.signing import BadSignature, TimestampSigner
from django.db import IntegrityError, transaction

from console.models import SentForm
from events.lock_timeout import set_lock_timeout

LIFETIME: Final = timedelta(hours=12)


class AlreadySubmitted(Exception):
    """Error: the form was sent before, was opened more than 12 hours ago, or has an invalid token."""


class SingleUseForm(forms.Form):
    """A form with a unique signed token, created when the form is opened."""

    once = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["once"].initial = _signer().sign(secrets.token_urlsafe(16))


def mark_as_sent(token: str, now: datetime) -> None:
    """Record that the form with this token was sent.

    Raise AlreadySubmitted if it was sent before, or if the token isn't valid. Call it in the transaction of the
    form's effect, so that both happen or neither.
    """
    try:
        value = _signer().unsign(token, max_age=LIFETIME)
        # Race condition: of two concurrent submissions, the second waits here for the first to commit, and then
        # violates the primary key. The savepoint keeps the outer transaction usable after that error.
        with transaction.atomic():
            set_lock_timeout()
            SentForm(token=value, sent_at=now).save(force_insert=True)
    except (BadSignature, IntegrityError):
        raise AlreadySubmitted from None
    # Older tokens no longer pass the signature's age check, so they needn't be remembered.
    SentForm.objects.filter(sent_at__lt=now - LIFETIME).delete()


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="console.single_use_form")
