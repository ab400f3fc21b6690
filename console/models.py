"""Table of submitted one-time forms."""

from django.db import models


class SentForm(models.Model):
    """A one-time form that was submitted. Submitting it again, for example by a reload, has no effect."""

    token = models.CharField(max_length=64, primary_key=True)
    sent_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"sent at {self.sent_at:%Y-%m-%d %H:%M}"
