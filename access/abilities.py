"""Abilities: what a role can allow, in words, each for the permission of Django that a page requires."""

from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

ABILITIES: Final = {
    "apikeys.view_apikey": "See keys, their use and the overview",
    "apikeys.add_apikey": "Issue keys",
    "apikeys.change_apikey": "Change, limit, disable, rotate and revoke keys, and override and adjust their limits",
    "apikeys.view_plan": "See plans",
    "apikeys.add_plan": "Add plans",
    "apikeys.change_plan": "Change the limits of plans",
    "apikeys.delete_plan": "Delete plans that nothing uses",
    "apikeys.view_owner": "See owners, and what they use of their limits",
    "apikeys.add_owner": "Add owners",
    "apikeys.change_owner": "Change owners, override and adjust their limits, and move keys between them",
    "apikeys.delete_owner": "Delete owners without keys",
    "events.view_event": "See and export events",
    "events.view_webhookendpoint": "See webhooks",
    "events.add_webhookendpoint": "Add webhooks",
    "events.change_webhookendpoint": "Change, test and disable webhooks, and rotate their secrets",
    "events.delete_webhookendpoint": "Delete webhooks",
    "health.view_incident": "See incidents and guard rails",
    "health.view_waiver": "See waivers",
    "health.add_waiver": "Grant and end waivers",
    "auth.view_user": "See people",
    "auth.add_user": "Invite people, with any role",
    "auth.change_user": "Change people: roles, one-time links, authenticator apps, activation",
    "auth.delete_user": "Remove people",
    "auth.view_group": "See roles",
    "auth.add_group": "Add roles",
    "auth.change_group": "Change roles",
    "auth.delete_group": "Delete roles",
}
"""The words of each permission that a page of the admin requires."""


def abilities_of(group: Group) -> set[str]:
    """Return the names in ABILITIES of the group's permissions. `group.permissions` may be prefetched."""
    return {name_of(permission) for permission in group.permissions.all()} & ABILITIES.keys()


def permissions_for(names: set[str]) -> list[Permission]:
    """Return the permissions with these names."""
    wanted = Q()
    for name in names:
        label, _, codename = name.partition(".")
        wanted |= Q(content_type__app_label=label, codename=codename)
    return list(Permission.objects.filter(wanted)) if names else []


def name_of(permission: Permission) -> str:
    """Return the permission's name as `has_perm` takes it."""
    return f"{permission.content_type.app_label}.{permission.codename}"
