"""Tracing: trace IDs in log lines, and spans without secrets."""

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
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The access lines, as the context makes them."""
    import structlog

    from httpserver import access_log

    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(
        access_log.log, "info", lambda event, **members: lines.append(structlog.contextvars.get_contextvars() | members)
    )
    return lines


def test_valid_traceparent_is_logged(api: Caller, lines: list[dict[str, Any]]) -> None:
    trace = trace_of_request(new_request_id())
    assert api.get("/v1/whoami", HTTP_TRACEPARENT=trace.traceparent).status_code == 200
    assert [line["trace_id"] for line in lines] == [trace.trace_id]


@pytest.mark.parametrize("sent", [{}, {"HTTP_TRACEPARENT": "00-nonsense-01"}])
def test_no_trace_without_valid_traceparent(api: Caller, lines: list[dict[str, Any]], sent: dict[str, Any]) -> None:
    assert api.get("/v1/whoami", **sent).status_code == 200
    assert ["trace_id" in line for line in lines] == [False]


def test_missing_packages_are_logged(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(tracing.log, "warning", lambda event, *, reason: lines.append(f"{event}: {reason}"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    tracing._tracer.cache_clear()
    try:
        assert api.get("/v1/whoami").status_code == 200
    finally:
        tracing._tracer.cache_clear()
    assert lines == ["spans_not_exported: opentelemetry.sdk.trace is missing: install latchkey[opentelemetry]"]


def test_span_path_is_redacted(client: Client) -> None:
    pytest.importorskip("opentelemetry.trace")
    secret = generate_secret()
    kept: dict[str, object] = {}
    span = SimpleNamespace(update_name=str, set_attributes=kept.update, set_status=bool, end=bool)
    response = client.get(f"/v1/keys/{secret}")
    tracing.RequestSpan(span).end(response.wsgi_request, response, "r")  # type: ignore[arg-type]
    assert (kept["http.response.status_code"], kept["url.path"]) == (404, "/v1/keys/lks_[redacted]")
