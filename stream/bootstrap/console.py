"""The pages and the REST interface."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from models.artifact import load_artifact
from models.redact import redact
from stream.bootstrap.loading import load_backend, load_calls, load_replier, model_folder
from stream.bootstrap.parts import Parts
from stream.desk.board import Taught
from stream.incident_answers import Write
from stream.settings import Settings

if TYPE_CHECKING:
    from stream.web.api.reading import Model


async def serve_console(found: Parts, host: str, port: int) -> None:
    """The pages and the REST interface until cancelled. Raises UserError when the port is taken."""
    from stream.web import serve_web
    from stream.web.api.reading import Model, reader

    def load() -> Model:
        # Requests come in small batches, of which two on a core each take less time than two on both cores. A language
        # model counts for itself how much it is asked at once.
        at_once = 1 if found.settings.backend == "llm" else found.settings.threads
        analyzer = load_backend(found.settings, threads=1)
        read = reader(analyzer, redact, load_calls(found.settings, analyzer, whole=True))
        artifact = load_artifact(model_folder(found.settings))
        taught = Taught(artifact.version, artifact.mix.get("sentiment", {}))
        return Model(read, analyzer.taxonomy, taught, at_once)

    await serve_web(found, host, port, load=load, write=_writer(found.settings))


def _writer(settings: Settings) -> Write:
    """Drafts replies with a model that is loaded when the first one is asked for."""
    loaded = cache(lambda: load_replier(settings))
    return lambda asked, lately: loaded()(asked, recent=lately)
