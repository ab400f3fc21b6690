"""Database model of creations that a client may repeat."""

from django.db import models


class IdempotencyRecord(models.Model):
    """A creation that a key requested under an Idempotency-Key, with the response to repeat.

    It holds no secret: the Idempotency-Key and the request are stored as digests, and the response without what is
    shown only once.
    """

    caller = models.CharField(max_length=15)
    name_digest = models.CharField(max_length=64)
    request_digest = models.CharField(max_length=64)
    answer_json = models.TextField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["caller", "name_digest"], name="one_answer_an_idempotency_key"),
        ]

    def __str__(self) -> str:
        return f"request {self.name_digest[:8]} of {self.caller}"
