"""Forms that work once: what shows a secret must not make another when the page is loaded again."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from django import forms
from django.core.signing import BadSignature, TimestampSigner
from django.db import IntegrityError, transaction

from console.models import SentForm
from events.lock_timeout import bound_lock_waits

LIFETIME: Final = timedelta(hours=12)
_SIGNER: Final = TimestampSigner(salt="console.single_use_form")


class SentAlready(Exception):
    """The form was sent before, or was opened too long ago."""


class OnceForm(forms.Form):
    """A form with a token of its own, made when it is opened."""

    once = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["once"].initial = _SIGNER.sign(secrets.token_urlsafe(16))


def spend(token: str, now: datetime) -> None:
    """Notes that the form with this token was sent, within the transaction of what it does. Raises SentAlready."""
    try:
        value = _SIGNER.unsign(token, max_age=LIFETIME)
        with transaction.atomic():
            bound_lock_waits()
            SentForm(token=value, sent_at=now).save(force_insert=True)
    except (BadSignature, IntegrityError):
        raise SentAlready from None
    SentForm.objects.filter(sent_at__lt=now - LIFETIME).delete()
