"""OpenTelemetry traces over OTLP/HTTP; needs the extra `otel` and its settings OTEL_..."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from stream.observe.traces import Headers

_SECONDS = 3  # for what is left at the end; a collector that is away must not keep anybody
_LINKS = 128  # OpenTelemetry's own limit


class OpenTelemetry:
    """Traces of one process. role: its service is called `earshot-role` unless OTEL_SERVICE_NAME
    says otherwise.
    """

    def __init__(self, role: str) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME") or f"earshot-{role}"
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": name}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("earshot")
        self._context = TraceContextTextMapPropagator()

    @contextmanager
    def producing(self, topics: Collection[str], count: int) -> Iterator[Headers]:
        destinations = ",".join(sorted(set(topics)))
        with self._span(
            f"send {destinations}", SpanKind.PRODUCER, _kafka("send", destinations, count)
        ):
            carrier: dict[str, str] = {}
            self._context.inject(carrier)
            yield tuple((name, value.encode()) for name, value in carrier.items())

    @contextmanager
    def batch(
        self, topic: str, headers: Iterable[Mapping[str, bytes]], waited: float | None
    ) -> Iterator[None]:
        linked: dict[tuple[int, int], SpanContext] = {}
        count = 0
        for carrier in headers:
            count += 1
            if carrier.get("traceparent") and len(linked) < _LINKS:
                sent = self._sent(carrier)
                if sent.is_valid:
                    linked[sent.trace_id, sent.span_id] = sent
        about = _kafka("process", topic, count)
        if waited is not None:
            about["earshot.waited_seconds"] = max(0.0, waited)
        links = [Link(context) for context in linked.values()]
        with self._span(f"process {topic}", SpanKind.CONSUMER, about, links):
            yield

    def stage(self, name: str) -> AbstractContextManager[object]:
        return self._span(name, SpanKind.INTERNAL, {})

    def close(self) -> None:
        self._provider.force_flush(_SECONDS * 1000)
        self._provider.shutdown()

    def _sent(self, headers: Mapping[str, bytes]) -> SpanContext:
        """Where a message comes from. What is no trace context, or somebody's attempt at one, is
        none.
        """
        carrier = {
            name: headers.get(name, b"").decode("ascii", "replace")
            for name in ("traceparent", "tracestate")
        }
        return get_current_span(self._context.extract(carrier)).get_span_context()

    @contextmanager
    def _span(
        self,
        name: str,
        kind: SpanKind,
        about: Mapping[str, str | int | float],
        links: Collection[Link] = (),
    ) -> Iterator[Span]:
        # An exception's own words may quote a customer: only its kind is told.
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=dict(about), links=list(links), record_exception=False,
            set_status_on_exception=False,
        ) as span:  # fmt: skip
            try:
                yield span
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise


def _kafka(operation: str, topic: str, count: int) -> dict[str, str | int | float]:
    """As the semantic conventions for messaging name it."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        "messaging.batch.message_count": count,
    }
