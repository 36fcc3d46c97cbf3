"""A collector of our own: takes traces over OTLP/HTTP as OpenTelemetry's protobuf says."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from servers.web import serving


@dataclass(frozen=True)
class Told:
    """A span as it came."""

    service: str
    name: str
    trace: bytes
    id: bytes
    parent: bytes
    links: tuple[tuple[bytes, bytes], ...]
    attributes: dict[str, object]
    failed: str
    seconds: float
    raw: str = field(repr=False)


class Collector:
    def __init__(self) -> None:
        self.spans: list[Told] = []
        self.status = 200
        self.address = ""

    @asynccontextmanager
    async def open(self):
        async with serving([web.post("/v1/traces", self._take)]) as address:
            self.address = address
            yield self

    def named(self, name: str) -> list[Told]:
        return [span for span in self.spans if span.name == name]

    async def _take(self, request: web.Request) -> web.Response:
        if self.status != 200:
            return web.Response(status=self.status)
        told = ExportTraceServiceRequest.FromString(await request.read())
        for resource in told.resource_spans:
            service = next(
                each.value.string_value
                for each in resource.resource.attributes
                if each.key == "service.name"
            )
            for scope in resource.scope_spans:
                self.spans += [_span(service, span) for span in scope.spans]
        done = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=done, content_type="application/x-protobuf")


def _span(service, span) -> Told:
    values = {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in span.attributes
    }
    return Told(
        service,
        span.name,
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        tuple((link.trace_id, link.span_id) for link in span.links),
        values,
        span.status.message,
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        str(span),
    )
