"""python -m tests.databases.look: prints as JSON whether the data of a landed database still works."""

import json
import os
from typing import Any

import django


def main() -> None:
    """Authenticate with each credential, enter the codes, derive the webhook's secrets, and verify the log."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
    django.setup()
    from django.contrib.auth.models import User
    from django_otp.oath import totp
    from django_otp.plugins.otp_static.models import StaticDevice
    from django_otp.plugins.otp_totp.models import TOTPDevice

    from access.recovery_codes import code_digest
    from apikeys.models import APIKey, UsageTotal
    from apikeys.peppers import configured_peppers
    from apikeys.search import matching
    from controlplane.processes.schema_check import check_schema
    from events.chain_verification import Break
    from events.models import ChainHead, WebhookEndpoint
    from events.verification import verify
    from events.webhooks.secret import signing_keys
    from tests.databases.landed import PASSWORD, RECOVERY_CODE, TOTP_KEY

    check_schema()
    ada, webhook, peppers = User.objects.get(username="ada"), WebhookEndpoint.objects.get(), configured_peppers()
    code = f"{totp(bytes.fromhex(TOTP_KEY), t0=0, step=30):06}"
    found = {
        "codes": authenticated(),
        "password": ada.check_password(PASSWORD),
        "authenticator": TOTPDevice.objects.get(user=ada).verify_token(code),
        "recovery": StaticDevice.objects.get(user=ada).verify_token(code_digest(ada, RECOVERY_CODE)),
        "signing_keys": [key.hex() for key in signing_keys(webhook, peppers, webhook.created_at)],
        "labels": [[key.label] for key in APIKey.objects.order_by("pk")],
        "found": [
            [key.label for key in matching(APIKey.objects.all(), f"{one.key_id[4:]} {one.label} {one.owner}")]
            for one in APIKey.objects.order_by("pk")
        ],
        "last_used": {key.label: last_used(key) for key in APIKey.objects.all()},
        "keys_a_total": list(UsageTotal.objects.values_list("keys", flat=True)),
        "breaks": [event.reason for event in verify(peppers) if isinstance(event, Break)],
        "last_event": ChainHead.objects.get().last_id,
    }
    print(json.dumps(found))


def last_used(key: Any) -> list[object]:
    """Return when the key and its secrets were last used."""
    from latchkey.timestamps import rfc3339

    secrets = {secret.slot: secret.last_used_at for secret in key.secrets.all()}
    return [
        key.last_used_at and rfc3339(key.last_used_at),
        {slot: used_at and rfc3339(used_at) for slot, used_at in secrets.items()},
    ]


def authenticated() -> dict[str, str]:
    """Return what becomes of a request with each credential, by the label of its key."""
    from apikeys.authenticator import default_authenticator
    from apikeys.models import APIKey
    from latchkey.credentials import parse_credential
    from latchkey.problems import ProblemError
    from tests.databases.landed import credential

    states = {}
    key_ids = dict(APIKey.objects.values_list("label", "key_id"))
    for name in ("root", "rotating", "rotated", "disabled", "revoked", "unlimited"):
        key_id = key_ids["key rotating" if name == "rotated" else f"key {name}"]
        try:
            default_authenticator().authenticate(parse_credential(credential(key_id, name)), "192.0.2.1")
            states[name] = "authenticated"
        except ProblemError as error:
            states[name] = error.slug
    return states


if __name__ == "__main__":
    main()
