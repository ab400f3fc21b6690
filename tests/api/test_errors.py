"""Every invalid rate limit is rejected everywhere: by the model, REST, the command and the admin."""

import io
import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from apikeys.config_service import IssuedKey
from apikeys.models import APIKey
from latchkey.strict_json import MalformedJSON, loads
from tests.conftest import Caller
from tests.ratelimit.invalid_limits import INVALID_LIMITS, InvalidLimit

pytestmark = pytest.mark.django_db


def members(text: str) -> dict[str, object] | None:
    """Both members of a limit, which are the boxes of the admin's form; None for a text that has not these two."""
    try:
        value = loads(text)
    except MalformedJSON:
        return None
    return value if isinstance(value, dict) and set(value) == {"burst", "per_seconds"} else None


each = pytest.mark.parametrize("refusal", INVALID_LIMITS, ids=lambda refusal: refusal.text[:40])
values = pytest.mark.parametrize(
    "refusal", [refusal for refusal in INVALID_LIMITS if not refusal.malformed], ids=lambda refusal: refusal.text[:40]
)
LIMIT = {"burst": 1000, "per_seconds": 60}


@values
def test_model_errors(refusal: InvalidLimit) -> None:
    key = APIKey(key_id="lk_000000000000", label="x", created_at=timezone.now(), rate_limit=loads(refusal.text))
    with pytest.raises(ValidationError) as caught:
        key.full_clean()
    messages = caught.value.message_dict["rate_limit"]
    for pointer, _ in refusal.faults:
        assert any(message.startswith(f"{pointer or '/'}: ") for message in messages)
    with pytest.raises(ValidationError), transaction.atomic():
        key.save()
    assert not APIKey.objects.exists()


@each
def test_rest_errors(refusal: InvalidLimit, api: Caller, root: IssuedKey) -> None:
    for call, path, text in (
        (api.post, "/v1/keys", f'{{"label": "x", "rate_limit": {refusal.text}}}'),
        (api.patch, f"/v1/keys/{root.key.key_id}", f'{{"rate_limit": {refusal.text}}}'),
    ):
        response = call(path, text, content_type="application/json")
        body: dict[str, Any] = response.json()
        if refusal.malformed:
            assert (response.status_code, body["type"].rpartition("/")[2]) == (400, "malformed-request")
        else:
            assert (response.status_code, body["type"].rpartition("/")[2]) == (422, "invalid-parameters")
            found = [(error["pointer"], error["code"]) for error in body["errors"]]
            assert found == [(f"/rate_limit{pointer}", code) for pointer, code in refusal.faults]
    assert APIKey.objects.get().rate_limit == LIMIT


@each
@pytest.mark.parametrize("command", ["issue_key", "set_rate_limit"])
def test_command_errors(refusal: InvalidLimit, root: IssuedKey, command: str) -> None:
    arguments = ["--label", "x"] if command == "issue_key" else [root.key.key_id]
    with pytest.raises(CommandError) as caught:
        call_command(command, *arguments, f"--rate-limit={refusal.text}", stdout=io.StringIO(), stderr=io.StringIO())
    assert caught.value.returncode == 2
    for pointer, _ in refusal.faults:
        assert refusal.malformed or f"/rate_limit{pointer}: " in str(caught.value)
    assert APIKey.objects.get().rate_limit == LIMIT


@pytest.mark.parametrize("refusal", [refusal for refusal in INVALID_LIMITS if members(refusal.text)], ids=str)
def test_admin_errors(refusal: InvalidLimit, root: IssuedKey, admin: Client) -> None:
    values = members(refusal.text)
    assert values
    typed = {name: json.dumps(value) for name, value in values.items()} | {"known_epoch": "1"}
    response = admin.post(f"/admin/apikeys/apikey/{root.key.key_id}/limit/", typed)
    assert response.status_code == 200
    assert set(response.context["form"].errors) >= {pointer.split("/")[1] for pointer, _ in refusal.faults}
    assert APIKey.objects.get().rate_limit == LIMIT


@pytest.mark.parametrize(("burst", "per_seconds"), [("true", "1"), ("1.5", "1"), ("0", "1"), ("x", "1"), ("5", "")])
def test_command_flag_errors(root: IssuedKey, burst: str, per_seconds: str) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("set_rate_limit", root.key.key_id, f"--burst={burst}", f"--per-seconds={per_seconds}")
    assert caught.value.returncode == 2
    assert "/rate_limit/" in str(caught.value)
