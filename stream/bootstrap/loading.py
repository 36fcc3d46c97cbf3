"""The models and tables that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stream import brands as brands_file
from stream.settings import Settings


def load_analyzer(settings: Settings, threads: int | None = None) -> Any:
    """The model. threads: cores of one batch, the settings' otherwise.

    Raises ArtifactError when its directory is broken, TaxonomyError for a taxonomy that is wrong.
    """
    from models.analyzer import Analyzer
    from models.taxonomy.file import load_taxonomy

    own = None if settings.taxonomy is None else load_taxonomy(settings.taxonomy)
    return Analyzer(model_folder(settings), taxonomy=own, threads=threads or settings.threads)


def model_folder(settings: Settings) -> Path:
    """The directory of the model in use."""
    from models.registry import Registry

    return settings.model or Registry(settings.home / "models").current()


def load_calls(settings: Settings, analyzer: Any = None, *, whole: bool = False) -> Any:
    """What reads calls: the local model, `analyzer` where it is loaded, and the head beside it.

    Raises models.artifact.ArtifactError, with what to do, for a head that was made for another
    model.
    """
    from models.calls.analyzer import call_reader

    local = load_analyzer(settings) if analyzer is None else getattr(analyzer, "local", analyzer)
    return call_reader(local, model_folder(settings), whole=whole)


def load_backend(settings: Settings, threads: int | None = None) -> Any:
    """Who judges messages: the local model, or with EARSHOT_BACKEND=llm a language model with the
    local one beside it.

    threads: cores of one batch, the settings' otherwise. Raises ArtifactError, and UserError that
    names the setting that is missing.
    """
    from stream.bootstrap.llm import with_llm

    analyzer = load_analyzer(settings, threads)
    return with_llm(settings, analyzer) if settings.backend == "llm" else analyzer


def load_brands(settings: Settings) -> brands_file.Brands:
    return brands_file.load(settings.brands)


def load_replier(settings: Settings) -> Any:
    """The model that drafts. Raises models.artifact.ArtifactError when its directory is broken."""
    from models.replier.replier import Replier, default_replier

    return Replier(settings.replier or default_replier(), threads=1)


def replier_folder(settings: Settings) -> Path:
    """The directory of the model that drafts, verified and not loaded. Raises
    models.artifact.ArtifactError.
    """
    from models.replier.replier import default_replier, read_replier

    folder = settings.replier or default_replier()
    read_replier(folder)
    return folder
