"""The pages and the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.redact import redact
from stream.bootstrap.loading import load_backend, load_calls
from stream.bootstrap.parts import Parts

if TYPE_CHECKING:
    from stream.web.api.reading import Model


async def serve_console(found: Parts, host: str, port: int) -> None:
    """The pages and the REST interface until cancelled. Raises UserError when the port is taken."""
    from stream.web import serve_web
    from stream.web.api.reading import Model, reader

    def load() -> Model:
        analyzer = load_backend(found.settings)
        return Model(reader(analyzer, redact, load_calls(found.settings, analyzer, whole=True)), analyzer.taxonomy)

    await serve_web(found, host, port, load=load)
