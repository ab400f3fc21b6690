"""Schemas of /v1/keys/import, for the OpenAPI document. `apikeys.imports` has the rules."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from api.schemas.fields import Shape, example, whole_number_field
from apikeys.imports.source_values import HASH_PATTERN, MAX_KEYS, NAME_PATTERN
from latchkey.imports.shape import ALPHABET_PATTERN, MAX_LENGTH, MIN_RANDOM_LENGTH, PREFIX_PATTERN


class ImportSource(Shape):
    """The system that issued the tokens: how it hashed them, and the shape by which they are recognized."""

    name = serializers.RegexField(f"^{NAME_PATTERN}$", help_text="The same name always has the same other fields.")
    hash = serializers.RegexField(
        f"^{HASH_PATTERN}$", help_text="With hmac-sha256, the name of a secret in the setting IMPORT_HMAC_SECRETS."
    )
    prefix = serializers.RegexField(f"^{PREFIX_PATTERN}$", required=False, help_text="How each token begins.")
    alphabet = serializers.RegexField(
        f"^{ALPHABET_PATTERN}$", help_text="Characters after the prefix, as a name, plus others as in base62+."
    )
    min_length = whole_number_field(MIN_RANDOM_LENGTH, MAX_LENGTH, help_text="Of the whole token.")
    max_length = whole_number_field(MIN_RANDOM_LENGTH, MAX_LENGTH, required=False, help_text="Default: min_length.")


_SOURCE = {"name": "drf-api-key", "hash": "sha512", "alphabet": "base62+.", "min_length": 41}


@extend_schema_serializer(
    examples=[
        example("One key", {"source": _SOURCE, "keys": [{"digest": "ab" * 64, "label": "billing worker"}]}),
        example("What would be imported", {"source": _SOURCE, "keys": [], "dry_run": True}),
    ]
)
class KeyImport(Shape):
    """Keys to import."""

    source = ImportSource()  # type: ignore[assignment]
    keys = serializers.ListField(max_length=MAX_KEYS, help_text="Objects with a digest and the fields of a new key.")
    dry_run = serializers.BooleanField(required=False, help_text="Check everything and import nothing.")


class KeyImportError(Shape):
    """Why a key was not imported."""

    pointer = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ImportedKeys(Shape):
    """What became of the keys."""

    imported = whole_number_field()
    unchanged = whole_number_field(help_text="Keys that were imported before.")
    errors = KeyImportError(many=True, help_text="The first error of each key that was left out.")  # type: ignore[assignment]
