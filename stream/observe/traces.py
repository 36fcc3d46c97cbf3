"""Where the time of a message goes, as OpenTelemetry traces: from the one who produced it to its
commit.

They are kept when OTEL_EXPORTER_OTLP_ENDPOINT is set. Otherwise nothing is imported and nothing is
done.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from stream.errors import UserError

Headers = tuple[tuple[str, bytes], ...]

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Traces(Protocol):
    """What can be timed. No span ever holds a word of what a message says, nor of an error."""

    def producing(self, topics: Collection[str], count: int) -> AbstractContextManager[Headers]:
        """So many messages are sent; yields the headers by which whoever reads them finds this span
        again.
        """
        ...

    def batch(
        self, topic: str, headers: Iterable[Mapping[str, bytes]], waited: float | None
    ) -> AbstractContextManager[object]:
        """A batch is processed. headers: of its messages. waited: seconds since the first of them
        was produced.
        """
        ...

    def stage(self, name: str) -> AbstractContextManager[object]:
        """A stage of the batch that is processed."""
        ...

    def close(self) -> None:
        """Send what is left; gives up after a few seconds."""
        ...


class _Off:
    """Nothing is traced."""

    def __init__(self) -> None:
        self._nothing = nullcontext()
        self._no_headers: AbstractContextManager[Headers] = nullcontext(())

    def producing(self, topics: Collection[str], count: int) -> AbstractContextManager[Headers]:
        return self._no_headers

    def batch(
        self, topic: str, headers: Iterable[Mapping[str, bytes]], waited: float | None
    ) -> AbstractContextManager[object]:
        return self._nothing

    def stage(self, name: str) -> AbstractContextManager[object]:
        return self._nothing

    def close(self) -> None: ...


OFF: Traces = _Off()


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
