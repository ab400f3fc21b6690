"""ConfigService: issue, update, rotate and revoke."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import AlreadyRevoked, NotFound, RotationInProgress
from apikeys.models import APIKey, KeySecret
from apikeys.peppers import configured_peppers
from events.models import Event
from events.origin import Origin
from latchkey.auth_context import AuthContext
from latchkey.validation import InvalidParameters
from ratelimit.limit import Limit
from ratelimit.stores import MemoryStore
from tests.gateway.largest_key import LARGEST, OWNER, SCOPES

pytestmark = pytest.mark.django_db


def limited(*scopes: str) -> ConfigService:
    return ConfigService(Origin("key:lk_0123456789ab", "r"), authority=AuthContext("k", "", "", frozenset(scopes)))


def types() -> list[str]:
    return list(Event.objects.values_list("type", flat=True))


def test_issue_stores_digest_and_appends_event(service: ConfigService) -> None:
    issued = service.issue({"label": " Billing ", "scopes": ["b:x", "a:x", "a:x"], "metadata": {"team": 1}})
    secret = issued.key.secrets.get()
    assert bytes(secret.digest) == configured_peppers().digest(issued.credential.secret, "t2")
    assert (secret.pepper_id, secret.slot, secret.state) == ("t2", 0, "active")
    key = APIKey.objects.get()
    assert (key.label, key.scopes, key.limit, key.epoch) == ("Billing", ["a:x", "b:x"], Limit(60, 60), 1)
    event = Event.objects.get()
    assert (event.type, event.actor, event.request_id) == ("KeyIssued", "command:test", "request-of-test")
    assert "lks_" not in str(event.data)


def test_null_limit_is_unlimited(service: ConfigService) -> None:
    assert service.issue({"label": "x", "rate_limit": None}).key.limit is None
    assert service.issue({"label": "x"}).key.limit == Limit(60, 60)


@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({}, "/label", "missing"),
        ({"label": ""}, "/label", "empty"),
        ({"label": "  "}, "/label", "empty"),
        ({"label": 5}, "/label", "not-a-string"),
        ({"label": "x" * 201}, "/label", "too-long"),
        ({"label": "a\nb"}, "/label", "control-character"),
        ({"label": "x", "owner": None}, "/owner", "not-a-string"),
        ({"label": "x", "owner": OWNER + "y"}, "/owner", "too-long"),
        ({"label": "x", "owner": "🔑" * 51}, "/owner", "too-long"),
        ({"label": "x", "scopes": "keys:read"}, "/scopes", "not-an-array"),
        ({"label": "x", "scopes": [*SCOPES, "a:b"]}, "/scopes", "too-long"),
        ({"label": "x", "scopes": ["keys:read", "KEYS"]}, "/scopes/1", "not-a-scope"),
        ({"label": "x", "scopes": [["keys:read"]]}, "/scopes/0", "not-a-scope"),
        ({"label": "x", "scopes": ["a:b"] * 65}, "/scopes", "too-many"),
        ({"label": "x", "rate_limit": {"burst": 0, "per_seconds": 1}}, "/rate_limit/burst", "out-of-range"),
        ({"label": "x", "expires_at": "tomorrow"}, "/expires_at", "not-a-time"),
        ({"label": "x", "expires_at": "2099-01-01T00:00:00"}, "/expires_at", "not-a-time"),
        ({"label": "x", "expires_at": "2099-02-31T00:00:00Z"}, "/expires_at", "not-a-time"),
        ({"label": "x", "expires_at": "2001-01-01T00:00:00Z"}, "/expires_at", "in-the-past"),
        ({"label": "x", "expires_at": "2099-W05-7T09:30:00Z"}, "/expires_at", "not-a-time"),
        ({"label": "x", "expires_at": "20990131T093000Z"}, "/expires_at", "not-a-time"),
        ({"label": "a\u202egnp.exe"}, "/label", "control-character"),
        ({"label": "a\udcff"}, "/label", "control-character"),
        ({"label": "x", "expires_at": 4102444800}, "/expires_at", "not-a-time"),
        ({"label": "x", "metadata": []}, "/metadata", "not-an-object"),
        ({"label": "x", "metadata": {"a": "b" * 5000}}, "/metadata", "too-long"),
        ({"label": "x", "enabled": True}, "/enabled", "unknown-member"),
        ({"label": "x", "key_id": "lk_000000000000"}, "/key_id", "unknown-member"),
        ([], "", "not-an-object"),
    ],
)
def test_issue_rejects_with_pointer(service: ConfigService, values: object, pointer: str, code: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        service.issue(values)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [(pointer, code)]
    assert not APIKey.objects.exists()
    assert not Event.objects.exists()


def test_largest_key(service: ConfigService) -> None:
    key = service.issue(LARGEST).key
    assert (key.label, key.owner, key.scopes) == (LARGEST["label"], OWNER, SCOPES)


def test_key_beyond_new_bounds_can_be_changed(service: ConfigService, root: IssuedKey) -> None:
    """Only a field that is written has to be within its bounds."""
    key_id, scopes = root.key.key_id, [*SCOPES, "c:d"]
    APIKey.objects.update(owner=OWNER + "y", scopes=scopes)
    service.update(key_id, {"enabled": False, "label": "new"})
    service.rotate(key_id)
    for name, value in (("owner", OWNER + "z"), ("scopes", [*scopes, "e:f"])):
        with pytest.raises(InvalidParameters):
            service.update(key_id, {name: value})
    assert service.update(key_id, {"owner": "x", "scopes": ["c:d"]}).scopes == ["c:d"]


def test_all_errors_are_returned(service: ConfigService) -> None:
    with pytest.raises(InvalidParameters) as caught:
        service.issue({"owner": 1, "rate_limit": {"burst": "x"}, "more": 1})
    pointers = [error.pointer for error in caught.value.errors]
    assert pointers == ["/label", "/owner", "/rate_limit/burst", "/rate_limit/per_seconds", "/more"]


def test_update_appends_event_per_kind_of_change(service: ConfigService, root: IssuedKey, store: MemoryStore) -> None:
    key_id = root.key.key_id
    with transaction.atomic():
        key = service.update(key_id, {"label": "new", "enabled": False, "rate_limit": {"burst": 5, "per_seconds": 1}})
    assert types() == ["KeyIssued", "RateLimitChanged", "KeyDisabled", "KeyUpdated"]
    assert key.epoch == 2
    service.update(key_id, {"enabled": True})
    assert types()[-1] == "KeyEnabled"


def test_update_to_same_value_is_no_change(service: ConfigService, root: IssuedKey) -> None:
    key = service.update(root.key.key_id, {"label": "root", "enabled": True, "scopes": ["*"]})
    assert key.epoch == 1
    assert types() == ["KeyIssued"]


def test_writing_back_read_values_is_no_change(service: ConfigService, root: IssuedKey) -> None:
    """Rules are for changes: an end that has come, bounds that are newer than the value, and scopes of others."""
    key_id = root.key.key_id
    APIKey.objects.update(expires_at=datetime(2020, 1, 31, 9, 30, 0, 900_000, tzinfo=UTC), owner=OWNER + "y")
    own = {"owner": OWNER + "y", "scopes": ["*"], "enabled": True, "metadata": {}, "rate_limit": root.key.rate_limit}
    for end in ("2020-01-31T09:30:00Z", "2020-01-31T10:30:00+01:00", datetime(2020, 1, 31, 9, 30, tzinfo=UTC)):
        limited("keys:write").update(key_id, {**own, "expires_at": end})
    assert types() == ["KeyIssued"]
    limited("keys:write").update(key_id, {**own, "expires_at": "2020-01-31T09:30:00Z", "label": "renamed"})
    assert Event.objects.last().data == {"from": {"label": "root"}, "to": {"label": "renamed"}}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "values", [{"expires_at": "2020-01-31T09:30:01Z"}, {"expires_at": "2020-01-31"}, {"enabled": 1}, {"more": None}]
)
def test_changed_value_is_validated(service: ConfigService, root: IssuedKey, values: dict[str, object]) -> None:
    APIKey.objects.update(expires_at=datetime(2020, 1, 31, 9, 30, tzinfo=UTC))
    with pytest.raises(InvalidParameters):
        service.update(root.key.key_id, values)


def test_rotation_with_overlap_then_finish(service: ConfigService, root: IssuedKey) -> None:
    key_id = root.key.key_id
    rotated = service.rotate(key_id, {"grace_seconds": 60})
    assert rotated.credential != root.credential
    states = {secret.state: secret for secret in KeySecret.objects.all()}
    assert set(states) == {"active", "retiring"}
    assert states["active"].slot != states["retiring"].slot
    with pytest.raises(RotationInProgress):
        service.rotate(key_id)
    key = service.finish_rotation(key_id)
    assert [secret.state for secret in key.secrets.all()] == ["active"]
    assert key.epoch == 3
    assert types() == ["KeyIssued", "KeyRotated", "RotationFinished"]
    service.finish_rotation(key_id)
    assert types() == ["KeyIssued", "KeyRotated", "RotationFinished"]


def test_rotation_without_grace_ends_all_secrets(service: ConfigService, root: IssuedKey) -> None:
    key_id = root.key.key_id
    service.rotate(key_id, {"grace_seconds": 60})
    rotated = service.rotate(key_id, {"grace_seconds": 0})
    secret = KeySecret.objects.get()
    assert bytes(secret.digest) == configured_peppers().digest(rotated.credential.secret, "t2")


def test_rotation_can_follow_ended_one(service: ConfigService, root: IssuedKey) -> None:
    key_id = root.key.key_id
    service.rotate(key_id, {"grace_seconds": 60})
    later = ConfigService(Origin("system", "r"), now=lambda: timezone.now() + timedelta(seconds=61))
    later.rotate(key_id, {"grace_seconds": 60})
    assert KeySecret.objects.count() == 2


@pytest.mark.parametrize("grace", [-1, 2_592_001, True, 1.5, "60", None])
def test_rotation_rejects_invalid_grace(service: ConfigService, root: IssuedKey, grace: object) -> None:
    with pytest.raises(InvalidParameters) as caught:
        service.rotate(root.key.key_id, {"grace_seconds": grace})
    assert caught.value.errors[0].pointer == "/grace_seconds"


def test_revocation_is_permanent(service: ConfigService, root: IssuedKey) -> None:
    key_id = root.key.key_id
    service.revoke(key_id)
    for change in (
        lambda: service.revoke(key_id),
        lambda: service.update(key_id, {"enabled": True}),
        lambda: service.rotate(key_id),
        lambda: service.finish_rotation(key_id),
    ):
        with pytest.raises(AlreadyRevoked):
            change()


def test_unknown_key(service: ConfigService) -> None:
    with pytest.raises(NotFound):
        service.revoke("lk_000000000000")


@pytest.mark.django_db(transaction=True)
def test_epoch_is_published_after_commit(service: ConfigService, root: IssuedKey, store: MemoryStore) -> None:
    key_id = root.key.key_id
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        service.update(key_id, {"label": "new"})
        raise ZeroDivisionError
    assert store.peek(key_id.encode()).epoch == 0
    service.update(key_id, {"label": "new"})
    assert store.peek(key_id.encode()).epoch == 2


def test_metadata_is_compared_as_json(service: ConfigService) -> None:
    key_id = service.issue({"label": "x", "metadata": {"a": 1, "b": 1.0}}).key.key_id
    key = service.update(key_id, {"metadata": {"a": True, "b": 1}})
    assert str(key.metadata) == "{'a': True, 'b': 1}"
    assert key.epoch == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda service, _: service.issue({"label": "x"}),
        lambda service, key_id: service.update(key_id, {"label": "x", "enabled": False, "rate_limit": None}),
        lambda service, key_id: service.rotate(key_id),
        lambda service, key_id: service.rotate(key_id, {"grace_seconds": 0}),
        lambda service, key_id: service.revoke(key_id),
    ],
)
def test_change_and_event_are_one_transaction(
    service: ConfigService, root: IssuedKey, monkeypatch: pytest.MonkeyPatch, change: object
) -> None:
    def rows() -> list[object]:
        return [*APIKey.objects.values(), *KeySecret.objects.values()]

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    assert callable(change)
    before = rows()
    monkeypatch.setattr("events.log.append_all", fail)
    with pytest.raises(ZeroDivisionError):
        change(service, root.key.key_id)
    assert rows() == before
