"""The OpenAPI document, which each process builds only once."""

import json

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from api import openapi_page


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Each time that it is built from now on."""
    openapi_page._built.cache_clear()
    found: list[object] = []
    real = SchemaGenerator.get_schema

    def counted(self: SchemaGenerator, request: object = None, public: bool = False) -> object:
        found.append(request)
        return real(self, request, public)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
    return found


def test_document_is_built_once(client: Client, builds: list[object]) -> None:
    bodies = {client.get("/openapi.json", headers={"Host": "localhost"}).content for _ in range(5)}
    assert len(bodies) == 1
    assert builds == [None]
    assert json.loads(bodies.pop())["openapi"].startswith("3.1")


def test_current_document_gets_304(client: Client) -> None:
    first = client.get("/openapi.json")
    assert first["Content-Type"] == "application/vnd.oai.openapi+json"
    again = client.get("/openapi.json", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/openapi.json").status_code == 200
