"""Grants: a key can give, remove or obtain only scopes that it has."""

import pytest

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import InsufficientScope
from apikeys.models import KeySecret
from events.origin import Origin
from latchkey.auth_context import AuthContext

pytestmark = pytest.mark.django_db


def limited(*scopes: str) -> ConfigService:
    return ConfigService(Origin("key:lk_0123456789ab", "r"), authority=AuthContext("k", "", "", frozenset(scopes)))


def test_key_grants_only_own_scopes(service: ConfigService, root: IssuedKey) -> None:
    weak = limited("keys:write", "orders:*")
    assert weak.issue({"label": "x", "scopes": ["orders:read"]})
    with pytest.raises(InsufficientScope, match="events:read"):
        weak.issue({"label": "x", "scopes": ["events:read"]})
    with pytest.raises(InsufficientScope, match=r"lacks: \*"):
        weak.issue({"label": "x", "scopes": ["*"]})


def test_key_cannot_rotate_stronger_key(root: IssuedKey) -> None:
    with pytest.raises(InsufficientScope):
        limited("keys:write").rotate(root.key.key_id)
    assert KeySecret.objects.count() == 1


def test_unchanged_scopes_need_no_grant(service: ConfigService, root: IssuedKey) -> None:
    weak = limited("keys:write", "a:b")
    key = service.issue({"label": "x", "scopes": ["events:read"]}).key
    assert weak.update(key.key_id, {"scopes": ["events:read", "a:b"]}).scopes == ["a:b", "events:read"]
    with pytest.raises(InsufficientScope):
        weak.update(key.key_id, {"scopes": ["*"]})


def test_key_cannot_remove_scopes_that_it_lacks(service: ConfigService, root: IssuedKey) -> None:
    weak = limited("keys:write", "a:b")
    with pytest.raises(InsufficientScope):
        weak.update(root.key.key_id, {"scopes": []})
    key = service.issue({"label": "x", "scopes": ["a:b", "events:read"]}).key
    assert weak.update(key.key_id, {"scopes": ["events:read"]}).scopes == ["events:read"]
