"""Traces: from the client through the log of the server to an OpenTelemetry collector."""

import json
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from latchkey import Client
from latchkey.client.failures import ClientError
from tests.latchkey.stub import Stub, StubResponse, stub
from tests.server.conftest import StartServer
from tests.support.server import RunningServer, issue

pytestmark = [pytest.mark.slow("runs several servers"), pytest.mark.storeless("traces")]

REQUEST_ID = "5e" * 16


def spans(collector: Stub, *request_ids: str) -> dict[str, Any]:
    """The spans by request id, once those of all `request_ids` came."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found = {
            attributes(span)["latchkey.request_id"]: span
            for request in collector.requests
            for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }
        if found.keys() >= set(request_ids):
            return found
        time.sleep(0.05)
    raise AssertionError("the spans did not come")


def traces(server: RunningServer, request_id: str) -> list[Any]:
    """The trace ids of the lines that a request left in the log."""
    lines = [json.loads(line) for line in server.log.splitlines() if f'"request_id": "{request_id}"' in line]
    return [line.get("trace_id") for line in lines]


def test_spans_reach_the_collector(start_server: StartServer) -> None:
    with stub(lambda _: StubResponse(200, {}, b"")) as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_SERVICE_NAME": "keys-of-a-test",
        }
        server = start_server(workers=1, settings=settings)
        credential = issue(server, "--label", "root", "--scope", "*")["credential"]
        with Client(server.url, credential) as client:
            client.with_request_id(REQUEST_ID).whoami()
            with pytest.raises(ClientError):
                client.with_request_id("by.name").keys.show("lk_000000000000")
        found = spans(collector, REQUEST_ID, "by.name")
        server.stop()
    assert {request.target for request in collector.requests} == {"/v1/traces"}
    span = found[REQUEST_ID]
    assert (span.name, span.trace_id.hex(), len(span.parent_span_id)) == ("GET /v1/whoami", REQUEST_ID, 8)
    assert attributes(span)["http.response.status_code"] == 200
    assert traces(server, REQUEST_ID) == [REQUEST_ID]
    refused = found["by.name"]
    assert refused.name == "GET /v1/keys/<key_id:key_id>"
    assert traces(server, "by.name") == [refused.trace_id.hex()]
    sent = b"".join(request.body for request in collector.requests)
    assert b"keys-of-a-test" in sent
    assert b"lks_" not in sent


def test_last_spans_are_sent_when_the_server_stops(start_server: StartServer) -> None:
    with stub(lambda _: StubResponse(200, {}, b"")) as collector:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "3600000"}
        server = start_server(workers=1, settings=settings)
        credential = issue(server, "--label", "root", "--scope", "*")["credential"]
        with Client(server.url, credential) as client:
            client.with_request_id(REQUEST_ID).whoami()
        assert not collector.requests
        server.stop()
        assert REQUEST_ID in spans(collector, REQUEST_ID)


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_unreachable_collector_is_harmless(start_server: StartServer) -> None:
    server = start_server(workers=1, settings={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    credential = issue(server, "--label", "root", "--scope", "*")["credential"]
    with Client(server.url, credential) as client:
        assert client.with_request_id("r.1").whoami().request_id == "r.1"
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10
