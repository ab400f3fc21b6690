"""The table of forms that were sent."""

from django.db import models


class SentForm(models.Model):
    """A form that may be sent once and was: sent again, as by a reload, it does nothing."""

    token = models.CharField(max_length=64, primary_key=True)
    sent_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"sent at {self.sent_at:%Y-%m-%d %H:%M}"
