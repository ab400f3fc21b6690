"""The page that shows a new secret: once, in the answer to the request that made it."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apikeys.config_service import IssuedKey
from console.keys.views import KeysAdmin, key_url, render


def secret_page(
    request: HttpRequest, model_admin: KeysAdmin, issued: IssuedKey, *, title: str, hint: str | None = None
) -> HttpResponse:
    """The credential, ready to be copied, with a `hint` about the key. Nothing may keep the page, and no other page
    shows it.
    """
    credential = issued.credential.reveal()
    context = {
        "title": title,
        "hint": hint,
        "key": issued.key,
        "back": key_url(issued.key),
        "credential": credential,
        "curl": f"curl -u {credential} {settings.PUBLIC_URL}/v1/whoami",
        "dotenv": f"LATCHKEY_API_KEY={credential}",
    }
    response = render(request, model_admin, "console/keys/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response
