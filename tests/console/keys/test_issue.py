"""Page that issues a key: the secret is in one response only."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from apikeys.models import APIKey
from events.models import Event
from tests.conftest import Caller
from tests.console.keys.pages import LIST, PAGES, issue, path, secrets_in, token

pytestmark = pytest.mark.django_db


def test_issued_key_is_shown_once_and_works(admin: Client, anonymous: Caller) -> None:
    response = issue(admin)
    (credential,) = secrets_in(response)
    assert "no-store" in response["Cache-Control"]
    assert f"LATCHKEY_API_KEY={credential}" in response.content.decode()
    assert f'value="{credential.replace(":", ".")}"' in response.content.decode()
    key = APIKey.objects.get()
    assert (key.label, key.owner, key.scopes) == ("billing", "payments", ["orders:read", "orders:write"])
    assert (key.rate_limit, key.metadata) == ({"burst": 5, "per_seconds": 60}, {"team": 7})
    assert key.expires_at
    assert abs(key.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)
    assert Caller(credential).get("/v1/whoami").status_code == 200
    assert Event.objects.get(type="KeyIssued").actor == "user:ada"


def test_verify_only_key_comes_with_limit_hint(admin: Client) -> None:
    hint = "50 requests per second, that is 1000 per 10 s"
    assert hint in issue(admin, scopes="verify", burst="60").content.decode()
    assert hint not in issue(admin, scopes="verify", burst="61").content.decode(), "a limit that the operator chose"
    assert hint not in issue(admin, scopes="orders:read", burst="60").content.decode()


def test_secret_is_in_no_other_page_nor_in_what_is_kept(admin: Client, caplog: pytest.LogCaptureFixture) -> None:
    (credential,) = secrets_in(issue(admin))
    secret, key = credential.partition(":")[2], APIKey.objects.get()
    shown = [admin.get(page).content.decode() for page in ("/admin/", LIST, *(path(key, name) for name in PAGES))]
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    events = [event.data_json for event in Event.objects.all()]
    assert shown
    assert kept
    for text in (*shown, *kept, *events, str(admin.cookies), caplog.text):
        assert secret not in text
        assert secret[4:30] not in text


def test_form_that_is_sent_again_does_nothing_and_shows_nothing(admin: Client) -> None:
    once = token(admin, f"{LIST}add/")
    first = issue(admin, once=once)
    again = issue(admin, once=once)
    assert (len(secrets_in(first)), again.status_code, secrets_in(again)) == (1, 409, [])
    assert APIKey.objects.count() == 1
    assert issue(admin, once="forged").status_code == 409


def test_rejected_form_can_be_fixed_and_sent(admin: Client) -> None:
    once = token(admin, f"{LIST}add/")
    refused = issue(admin, once=once, scopes="NO", burst="x", metadata='{"a": NaN}')
    assert refused.status_code == 200
    assert {"burst", "metadata"} <= set(refused.context["form"].errors)
    refused = issue(admin, once=once, scopes="NO")
    assert set(refused.context["form"].errors) == {"scopes"}
    assert APIKey.objects.count() == 0
    assert len(secrets_in(issue(admin, once=once))) == 1


def test_unlimited_must_be_explicit(admin: Client) -> None:
    assert issue(admin, burst="", per_seconds="").status_code == 200
    assert issue(admin, unlimited="on").context["form"].errors == {
        "unlimited": ["Enter a limit or select Unlimited, not both."]
    }
    assert APIKey.objects.count() == 0
    issue(admin, burst="", per_seconds="", unlimited="on", lifetime_days="0")
    key = APIKey.objects.get()
    assert (key.rate_limit, key.expires_at) == (None, None)
