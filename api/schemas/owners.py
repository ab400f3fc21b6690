"""Schemas of calls about owners, used only for the OpenAPI document. The rules are in `apikeys.policies`."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from api.schemas.fields import Shape, example, filled_text_field, text_field
from api.schemas.keys import readable_or
from api.schemas.plans import plan_name_field
from apikeys.policies.validation import MAX_CONTACTS, SLUG_PATTERN

OWNER_SLUG: Final = f"^{SLUG_PATTERN}$"
_NAME_HELP: Final = "The text in the `owner` of its keys. It never changes."


def slug_field(**options: Any) -> serializers.RegexField:
    """Return a serializer field for the slug of an owner."""
    return serializers.RegexField(OWNER_SLUG, **options)


def contacts_field(**options: Any) -> serializers.ListField:
    """Return a serializer field for the contacts of an owner."""
    return serializers.ListField(child=filled_text_field(), max_length=MAX_CONTACTS, **options)


class Owner(Shape):
    """An owner: who has keys, and the plan for all of them."""

    name = filled_text_field(help_text=_NAME_HELP)
    slug = slug_field(help_text="The owner's part of addresses.")
    display_name = text_field()
    contacts = contacts_field()
    period_anchor = serializers.DateField(allow_null=True, help_text="The day from which months of quotas count.")
    plan = plan_name_field(allow_null=True)


@extend_schema_serializer(
    examples=[
        example("A customer", {"name": "Globex", "contacts": ["api@globex.example"], "period_anchor": "2026-01-15"})
    ]
)
class OwnerCreate(Shape):
    """The fields of a new owner."""

    name = filled_text_field(help_text=_NAME_HELP)
    slug = slug_field(required=False, help_text="Default: made from the name.")
    display_name = text_field(required=False)
    contacts = contacts_field(required=False)
    period_anchor = serializers.DateField(allow_null=True, required=False)
    plan = plan_name_field(allow_null=True, required=False, help_text="A plan that exists.")


@extend_schema_serializer(examples=[example("Without a plan", {"plan": None})])
class OwnerUpdate(Shape):
    """The fields of an owner that can be changed. Fields that are not sent stay."""

    display_name = text_field(required=False)
    contacts = contacts_field(required=False)
    period_anchor = serializers.DateField(allow_null=True, required=False)
    plan = plan_name_field(allow_null=True, required=False, help_text="A plan that exists.")


class OwnerReceipt(OwnerUpdate):
    """A changed owner for a caller without `owners:read`: the slug, and the fields that the caller sent."""

    slug = slug_field()


class OwnerPage(Shape):
    """A page of owners."""

    items = Owner(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page; null on the last.")


CHANGED_OWNER: Final = readable_or("ChangedOwner", Owner, OwnerReceipt)
