"""A live secret in a text that is kept is refused by every interface, and no answer repeats it."""

import base64
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apikeys.config_service import IssuedKey
from apikeys.models import APIKey
from events.models import Event
from health.models import Waiver
from latchkey.secret_detection import REJECTION_MESSAGE
from tests.conftest import Caller

pytestmark = pytest.mark.django_db
SOON = (datetime.now(UTC) + timedelta(days=1)).isoformat()
WAIVER = {"guard_rail": "unlimited_key", "ends_at": SOON}
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"x" * 32).decode()

Body = dict[str, Any]
CASES: dict[str, tuple[str, Callable[[str], Body], str]] = {
    "label": ("/v1/keys", lambda text: {"label": text}, "/label"),
    "owner": ("/v1/keys", lambda text: {"label": "x", "owner": f"of {text}"}, "/owner"),
    "scopes": ("/v1/keys", lambda text: {"label": "x", "scopes": [text]}, "/scopes/0"),
    "metadata": ("/v1/keys", lambda text: {"label": "x", "metadata": {"a": [{"note": text}]}}, "/metadata/a/0/note"),
    "reason": ("/v1/waivers", lambda text: {**WAIVER, "reason": text}, "/reason"),
    "key_id": ("/v1/waivers", lambda text: {**WAIVER, "reason": "x", "key_id": text}, "/key_id"),
    "label of a webhook": ("/v1/webhooks", lambda text: {"url": "https://a.example/", "label": text}, "/label"),
    "url": ("/v1/webhooks", lambda text: {"url": f"https://a.example/?key={text}"}, "/url"),
}


@pytest.fixture(params=["credential", "one token", "secret", "basic", "webhook's secret"])
def pasted(request: pytest.FixtureRequest, root: IssuedKey) -> str:
    """A text with a live secret."""
    credential = root.credential.reveal()
    return {
        "credential": credential,
        "one token": credential.replace(":", "."),
        "secret": root.credential.secret,
        "basic": base64.b64encode(credential.encode()).decode(),
        "webhook's secret": WEBHOOK_SECRET,
    }[str(request.param)]


@pytest.mark.parametrize("case", CASES)
def test_rest_rejects_secret_in_every_text(api: Caller, pasted: str, case: str) -> None:
    path, body_with, pointer = CASES[case]
    before = Event.objects.count()
    answer = api.post(path, body_with(pasted))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": pointer, "code": "secret", "detail": REJECTION_MESSAGE}]
    assert pasted not in answer.content.decode()
    assert Event.objects.count() == before


def test_rest_rejects_secret_in_change(api: Caller, root: IssuedKey) -> None:
    answer = api.patch(f"/v1/keys/{root.key.key_id}", {"label": root.credential.reveal(), "metadata": {"a": "fine"}})
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/label"]
    root.key.refresh_from_db()
    assert (root.key.label, root.key.metadata) == ("root", {})


@pytest.mark.parametrize("body", [{"label": "x", "metadata": None}, {"label": "x", "rate_limit": None}, {"label": "x"}])
def test_problem_redacts_secret_in_field_name(api: Caller, root: IssuedKey, body: Body) -> None:
    credential = root.credential.reveal()
    for name in ("metadata", "rate_limit"):
        if name in body:
            body = {**body, name: {credential: 1}}
    answer = api.post("/v1/keys", {**body, credential: 1} if len(body) == 1 else body)
    assert answer.status_code == 422
    assert f"{root.key.key_id}:lks_[redacted]" in answer.json()["errors"][-1]["pointer"]
    assert root.credential.secret not in answer.content.decode()
    assert APIKey.objects.count() == 1


@pytest.mark.parametrize("path", ["/v1/keys/{}", "/v1/keys/lk_000000000000/{}", "/{}", "/v1/webhooks/{}", "/admin/{}"])
def test_problem_redacts_secret_in_path(api: Caller, pasted: str, path: str) -> None:
    answer = api.get(path.format(pasted))
    assert answer.status_code in (302, 404)
    assert pasted not in answer.content.decode()


@pytest.mark.parametrize("query", ["limit={}", "cursor={}", "state={}", "{}=1"])
def test_problem_redacts_secret_in_query(api: Caller, pasted: str, query: str) -> None:
    for path in ("/v1/keys", "/v1/events", "/v1/check"):
        answer = api.get(f"{path}?{query.format(pasted)}")
        assert pasted not in answer.content.decode()


def test_request_id_with_secret_is_replaced(api: Caller, root: IssuedKey) -> None:
    answer = api.post("/v1/keys", {"label": "x"}, HTTP_X_REQUEST_ID=root.credential.secret)
    assert len(answer["X-Request-Id"]) == 32
    assert Event.objects.latest("id").request_id == answer["X-Request-Id"]


@pytest.mark.parametrize("text", ["\u200b", "\ufeff", "\u2800", "\u3164"])
def test_invisible_text_is_empty(api: Caller, text: str) -> None:
    answers = {
        "/label": api.post("/v1/keys", {"label": text}),
        "/reason": api.post("/v1/waivers", {**WAIVER, "reason": text}),
        "/url": api.post("/v1/webhooks", {"url": text}),
    }
    faults = {pointer: answer.json()["errors"] for pointer, answer in answers.items()}
    assert [(fault["pointer"], fault["code"]) for (fault,) in faults.values()] == [(place, "empty") for place in faults]
    assert api.post("/v1/keys", {"label": "x", "owner": text}).json()["owner"] == ""


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "issue_key": lambda text: ["issue_key", "--label", text],
    "issue_key's owner": lambda text: ["issue_key", "--label", "x", "--owner", text],
    "grant_waiver": lambda text: ["grant_waiver", "unlimited_key", "--reason", text, "--ends-in", "1d"],
    "set_rate_limit": lambda text: ["set_rate_limit", "lk_000000000000", "--rate-limit", f'{{"{text}": 1}}'],
    "set_rate_limit's limit": lambda text: ["set_rate_limit", "lk_000000000000", "--rate-limit", text],
    "show_key": lambda text: ["show_key", text],
    "end_waiver": lambda text: ["end_waiver", text],
    "an argument too many": lambda text: ["show_key", "lk_000000000000", text],
    "createsuperuser": lambda text: ["createsuperuser", "--noinput", "--username", text, "--email", "a@example.test"],
    "createsuperuser's email": lambda text: ["createsuperuser", "--noinput", "--username", "a", "--email", text],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_reject_secret_without_repeating_it(root: IssuedKey, command: str) -> None:
    text, out = root.credential.reveal(), io.StringIO()
    if "email" in command:
        text = f"{root.credential.secret}@example.test"
    with pytest.raises(CommandError) as caught:
        call_command(*COMMANDS[command](text), stdout=out, stderr=out)
    assert root.credential.secret not in f"{caught.value}{out.getvalue()}"
    assert (APIKey.objects.count(), Waiver.objects.count()) == (1, 0)
