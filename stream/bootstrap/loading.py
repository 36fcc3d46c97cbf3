"""Models and tables that the settings name."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream import brands as brands_file
from stream.errors import UserError
from stream.settings import Settings

if TYPE_CHECKING:
    from models.artifact import Artifact
    from models.registry import Registry
    from models.taxonomy.classifier import Taxonomy
    from stream.brands import Brands
    from stream.triage.judgement import Judge


def load_analyzer(settings: Settings, threads: int | None = None) -> Any:
    """The local model. threads: cores of one batch, the settings' otherwise.

    Raises ArtifactError when its directory is broken, TaxonomyError for a taxonomy that is wrong,
    and UserError for a model that says sentiment alone.
    """
    from threadpoolctl import threadpool_limits

    from models.analyzer import Analyzer
    from models.taxonomy.file import load_taxonomy

    refuse_sentiment_alone(settings)
    # NumPy's own threads wait for each other in loops: products as small as ours took five times
    # the processor with two threads.
    threadpool_limits(1, user_api="blas")
    taxonomy = None if settings.taxonomy is None else load_taxonomy(settings.taxonomy)
    return Analyzer(model_folder(settings), taxonomy=taxonomy, threads=threads or settings.threads)


def model_registry(settings: Settings) -> Registry:
    """The models that were released here."""
    from models.registry import Registry

    return Registry(settings.home / "models")


def model_folder(settings: Settings) -> Path:
    """The directory of the model in use."""
    return settings.model or model_registry(settings).current()


def says_sentiment_alone(settings: Settings) -> bool:
    """Whether the model of the settings is one of the lab."""
    from models.artifact import is_classifier

    return settings.model is not None and is_classifier(settings.model)


def refuse_sentiment_alone(settings: Settings) -> None:
    """Raises UserError for such a model, and for a run's folder in place of its model."""
    from models.artifact import STORY

    if says_sentiment_alone(settings):
        raise UserError(
            f"{settings.model} says sentiment alone; this needs a model of all heads (see"
            " models/README.md)"
        )
    folder = settings.model
    if folder is None or (folder / STORY).is_file():
        return
    for part in ("release", "model"):
        if (folder / part).is_dir():
            raise UserError(f"{folder} is the folder of a run; name its model: {folder / part}")


def artifact_in_use(settings: Settings) -> Artifact:
    """The artifact of the model in use, verified. Raises ArtifactError."""
    from models.artifact import load_artifact

    refuse_sentiment_alone(settings)
    return load_artifact(model_folder(settings))


def load_calls(settings: Settings, analyzer: Any = None, *, whole: bool = False) -> Any:
    """The reader of calls: the local model and the head beside it. analyzer: where it is loaded.

    Raises models.artifact.ArtifactError, with what to do, for another model's head.
    """
    from models.calls.analyzer import call_reader

    local = load_analyzer(settings) if analyzer is None else getattr(analyzer, "local", analyzer)
    return call_reader(local, model_folder(settings), whole=whole)


def load_call_backend(settings: Settings, analyzer: Any = None, *, whole: bool = False) -> Any:
    """The reader of calls, with EARSHOT_BACKEND=llm a language model over it.

    analyzer: where it is loaded. Raises as `load_calls`, and UserError that names the missing
    setting.
    """
    from stream.bootstrap.llm import calls_with_llm

    reader = load_calls(settings, analyzer, whole=whole)
    return calls_with_llm(settings, reader) if settings.backend == "llm" else reader


def load_backend(settings: Settings, threads: int | None = None) -> Any:
    """The analyzer of messages: the local model, with EARSHOT_BACKEND=llm a language model over it.

    threads: cores of one batch, the settings' otherwise. Raises ArtifactError, and UserError that
    names the missing setting.
    """
    from stream.bootstrap.llm import with_llm

    analyzer = load_analyzer(settings, threads)
    return with_llm(settings, analyzer) if settings.backend == "llm" else analyzer


def load_brands(settings: Settings) -> brands_file.Brands:
    return brands_file.load(settings.brands)


def load_judge(settings: Settings, analyzer: Any = None, calls: Any = None) -> Judge:
    """The judgement of the stream by the local model, or by an analyzer that is loaded.

    calls: as of `judge_with`.
    """
    analyzer = analyzer or load_analyzer(settings)
    return judge_with(settings, analyzer, load_brands(settings), calls)


def judge_with(settings: Settings, analyzer: Any, brands: Brands, calls: Any = None) -> Judge:
    """The judgement by an analyzer, redacted as the settings say.

    calls: a reader of calls; a worker's, which reads both sides, where it is None. Raises
    BrandsError for a trade that the analyzer's taxonomy does not have.
    """
    from models.redact import redact_turns
    from stream.triage.judgement import Judge

    check_trades(brands, analyzer.taxonomy, settings)
    calls = calls or load_calls(settings, analyzer, whole=True)
    redact = partial(redact_turns, names=not settings.keep_names)
    return Judge(analyzer, brands, calls, redact=redact)


def check_trade(settings: Settings, trade: str) -> None:
    """By the taxonomy of the settings, without a model. Raises BrandsError."""
    from models.taxonomy.classifier import read_taxonomy
    from models.taxonomy.file import load_taxonomy

    taxonomy = read_taxonomy() if settings.taxonomy is None else load_taxonomy(settings.taxonomy)
    brand = brands_file.Brand("a brand", trade=trade)
    check_trades(brands_file.Brands([brand]), taxonomy, settings)


def check_trades(brands: Brands, taxonomy: Taxonomy, settings: Settings) -> None:
    """A trade that is spelt wrongly would take all topics of the right one away.

    Raises BrandsError. A taxonomy that marks nothing with trades takes any.
    """
    from models.taxonomy.classifier import OTHER

    known = sorted(taxonomy.trades)
    for brand in brands:
        if known and brand.trade is not None and brand.trade not in (*known, OTHER):
            path = settings.brands or brands_file.SHIPPED
            raise brands_file.BrandsError(
                f"{path}: brand {brand.name}: trade: the taxonomy has no {brand.trade!r}; "
                f"it has {', '.join(known)}, and {OTHER} for none of them"
            )


def load_replier(settings: Settings) -> Any:
    """The model that drafts replies. Raises ArtifactError when its directory is broken."""
    from models.replier.replier import Replier, default_replier

    return Replier(settings.replier or default_replier(), threads=1)


def replier_folder(settings: Settings) -> Path:
    """The directory of the model that drafts, verified and not loaded. Raises ArtifactError."""
    from models.replier.replier import default_replier, read_replier

    folder = settings.replier or default_replier()
    read_replier(folder)
    return folder
