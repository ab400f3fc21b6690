"""Database model of the sources of imported keys."""

from django.db import models

from latchkey.imports.shape import TokenShape


class ImportSource(models.Model):
    """A system whose keys were imported: the hash of its tokens, and the shape by which they are recognized.

    `hash` is a name of HASHES, or `hmac-sha256:NAME` with the name of a secret in IMPORT_HMAC_SECRETS. It never
    changes, because it says what the stored digests are.
    """

    name = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=32)
    prefix = models.CharField(max_length=64, blank=True)
    alphabet = models.CharField(max_length=32)
    min_length = models.PositiveSmallIntegerField()
    max_length = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @property
    def shape(self) -> TokenShape:
        """Return the shape of its tokens."""
        return TokenShape(self.prefix, self.alphabet, self.min_length, self.max_length)
