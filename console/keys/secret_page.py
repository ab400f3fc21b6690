"""Page that shows a new secret: once, in the response to the request that created it."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apikeys.config_service import IssuedKey
from apikeys.credential_fields import curl_option
from console.keys.views import KeyModelAdmin, key_url, render


def secret_page(
    request: HttpRequest, model_admin: KeyModelAdmin, issued: IssuedKey, *, title: str, hint: str | None = None
) -> HttpResponse:
    """Return the page with the credential to copy and, if given, a `hint` about the key.

    No other page shows the credential, and the response must not be stored (`Cache-Control: no-store`).
    """
    credential = issued.credential.reveal()
    context = {
        "title": title,
        "hint": hint,
        "key": issued.key,
        "back": key_url(issued.key),
        "credential": credential,
        "one_token": issued.credential.reveal_as_one_token(),
        "curl": f"curl {curl_option(issued.credential)} {settings.PUBLIC_URL}/v1/whoami",
        "dotenv": f"LATCHKEY_API_KEY={credential}",
    }
    response = render(request, model_admin, "console/keys/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response
