"""Traces are opened where OTEL_EXPORTER_OTLP_ENDPOINT is set; otherwise nothing is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping

from stream.errors import UserError
from stream.observe.traces import OFF, Traces

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def open_traces(role: str, environment: Mapping[str, str] = os.environ) -> Traces:
    """The traces of a process of this role. Raises UserError where the extra is missing."""
    if not any(environment.get(name) for name in ENDPOINTS):
        return OFF
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return OFF
    try:
        from stream.observe.otel import OpenTelemetry
    except ImportError:
        raise UserError(
            f"{ENDPOINTS[0]} is set, but OpenTelemetry is missing: pip install 'earshot[otel]'"
        ) from None
    return OpenTelemetry(role)
