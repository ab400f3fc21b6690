"""The trace of a request stands in its lines of the log."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from httpserver import tracing
from latchkey.credentials import generate_secret
from latchkey.request_id import new_request_id
from latchkey.trace_context import trace_of_request
from tests.conftest import Caller


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The access lines, as the context makes them."""
    import structlog

    from httpserver import access_log

    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(
        access_log.log, "info", lambda event, **members: lines.append(structlog.contextvars.get_contextvars() | members)
    )
    return lines


def test_valid_traceparent_is_logged(api: Caller, told: list[dict[str, Any]]) -> None:
    trace = trace_of_request(new_request_id())
    assert api.get("/v1/whoami", HTTP_TRACEPARENT=trace.traceparent).status_code == 200
    assert [line["trace_id"] for line in told] == [trace.trace_id]


@pytest.mark.parametrize("sent", [{}, {"HTTP_TRACEPARENT": "00-nonsense-01"}])
def test_without_one_there_is_no_trace(api: Caller, told: list[dict[str, Any]], sent: dict[str, Any]) -> None:
    assert api.get("/v1/whoami", **sent).status_code == 200
    assert ["trace_id" in line for line in told] == [False]


def test_missing_packages_are_told_and_no_matter(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(tracing.log, "warning", lambda event, *, reason: told.append(f"{event}: {reason}"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    tracing._tracer.cache_clear()
    try:
        assert api.get("/v1/whoami").status_code == 200
    finally:
        tracing._tracer.cache_clear()
    assert told == ["spans_not_exported: opentelemetry.sdk.trace is missing: install latchkey[opentelemetry]"]


def test_no_span_repeats_a_secret_in_the_path(client: Client) -> None:
    pytest.importorskip("opentelemetry.trace")
    secret = generate_secret()
    kept: dict[str, object] = {}
    span = SimpleNamespace(update_name=str, set_attributes=kept.update, set_status=bool, end=bool)
    response = client.get(f"/v1/keys/{secret}")
    tracing.RequestSpan(span).end(response.wsgi_request, response, "r")  # type: ignore[arg-type]
    assert (kept["http.response.status_code"], kept["url.path"]) == (404, "/v1/keys/lks_[redacted]")
