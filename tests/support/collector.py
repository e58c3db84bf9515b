"""A collector of traces: OTLP over HTTP on 127.0.0.1, read by the published protocol."""

from importlib.util import find_spec
from typing import Any

from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.not_tested import not_tested


def needs_opentelemetry() -> None:
    """Skip where it is not installed."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        not_tested("spans, by OpenTelemetry: install the extra tracing")


class Collector(Endpoint):
    """Takes spans, answered by `status`; `spans` has them as plain values, in the order they came."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(lambda _: Reply(status))

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [span for arrival in self.requests for span in _spans(arrival)]


def _spans(arrival: Arrival) -> list[dict[str, Any]]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    assert (arrival.method, arrival.target) == ("POST", "/v1/traces")
    assert arrival.header("Content-Type") == "application/x-protobuf"
    found = []
    for resource in ExportTraceServiceRequest.FromString(arrival.body).resource_spans:
        who = _values(resource.resource.attributes)
        for scope in resource.scope_spans:
            found += [_plain(span) | {"resource": who} for span in scope.spans]
    return found


def _plain(span: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "kind": span.kind,
        "trace": span.trace_id.hex(),
        "span": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "state": span.trace_state,
        "begun": span.start_time_unix_nano,
        "ended": span.end_time_unix_nano,
        "status": span.status.code,
        "links": [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        "attributes": _values(span.attributes),
    }


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
