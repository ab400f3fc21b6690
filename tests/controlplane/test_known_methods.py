"""Unknown HTTP methods: 405 with the methods of the path, or 404 if there is no such path."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "BREW"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/whoami", "GET, HEAD, OPTIONS"),
        ("/v1/keys", "GET, HEAD, POST, OPTIONS"),
        ("/v1/keys/lk_0123456789ab", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        ("/admin/", "GET, HEAD, POST, OPTIONS"),
    ],
)
def test_allow_lists_methods_of_path(client: Client, method: str, path: str, allowed: str) -> None:
    response = client.generic(method, path)
    assert (response.status_code, response["Allow"]) == (405, allowed)


def test_unknown_path_is_404(client: Client) -> None:
    response = client.generic("TRACE", "/nowhere")
    assert (response.status_code, "Allow" in response) == (404, False)
