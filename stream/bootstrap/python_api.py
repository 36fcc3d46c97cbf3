"""Python interface of earshot, for notebooks: analyses, priorities, training and evaluation.

`import earshot` gives what is here. It needs no Kafka and no Postgres.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.bootstrap.loading import judge_with, load_analyzer, load_brands
from stream.errors import UserError
from stream.settings import read_settings

if TYPE_CHECKING:
    from models.analysis import Analysis

EarshotError = UserError
_BATCH = 64  # texts that are understood at once


class Earshot:
    """A loaded model, with the judgement of the stream. For one thread; `load` makes it."""

    def __init__(self, analyzer: Any, judge: Any) -> None:
        self._analyzer, self._judge = analyzer, judge

    @property
    def version(self) -> str:
        """The model's name and hash."""
        return str(self._analyzer.version)

    def __repr__(self) -> str:
        return f"<earshot {self.version}>"

    def analyze(self, texts: str | Iterable[str]) -> list[Analysis]:
        """Language, sentiment, topic, problems and dissatisfaction of each text, in their order.

        The model alone: texts are read as they are, without redaction, brand and ticket, for which
        there is `triage`. `as_json()` of one has the keys of `earshot analyze`, which redacts.
        Raises EarshotError for what is no text.
        """
        analyses: list[Analysis] = []
        for batch in _batches(texts):
            analyses += self._analyzer(batch)
        return analyses

    def triage(
        self, texts: str | Iterable[str], *, author: str = "customer"
    ) -> list[dict[str, Any] | None]:
        """The ticket that each text would be, as a post of its own: None where it needs nobody.

        Keys: `level` (P1 to P4), `priority` (1 to 100), `needs_look`, `brand`, `text` (redacted),
        and `why`, a list of `name`, `points` and `words`. Brands are those of EARSHOT_BRANDS; what
        an account of a brand writes is None. author: who writes. Raises EarshotError.
        """
        from stream.store.preview import post_of, preview

        tickets: list[dict[str, Any] | None] = []
        for batch in _batches(texts):
            posts = [post_of(text, number, author) for number, text in enumerate(batch, 1)]
            for judgement in self._judge(posts):
                ticket = preview(judgement)
                if ticket is not None:
                    ticket |= {"brand": judgement.brand, "text": judgement.text}
                tickets.append(ticket)
        return tickets


def load(model: str | Path | None = None, *, threads: int | None = None) -> Earshot:
    """Load a model: the one in use, or a directory of one.

    threads: cores of one batch, the settings' otherwise. Settings are read from EARSHOT_*. Raises
    EarshotError for a directory that is no model of all heads, and for a taxonomy that is wrong.
    """
    from models.artifact import ArtifactError
    from models.errors import TaxonomyError

    settings = read_settings()
    if model is not None:
        settings = settings.model_copy(update={"model": Path(model).expanduser()})
    try:
        analyzer = load_analyzer(settings, threads)
        return Earshot(analyzer, judge_with(settings, analyzer, load_brands(settings)))
    except (ArtifactError, TaxonomyError) as error:
        raise EarshotError(str(error)) from None


def evaluate(data: str | Path, model: str | Path | None = None) -> dict[str, Any]:
    """Accuracy, F1, recall and calibration of sentiments on a CSV with the columns text,label.

    model: a directory, of all heads or of the lab; the one in use otherwise. Raises EarshotError
    that names the column, or the line and the label, that is wrong.
    """
    from models.artifact import ArtifactError
    from models.evaluation.compare_served import Served
    from models.evaluation.metrics import EvaluationError
    from models.evaluation.sentiment import evaluate_sentiment
    from stream.bootstrap.loading import model_folder

    folder = model_folder(read_settings()) if model is None else Path(model).expanduser()
    try:
        return evaluate_sentiment(Path(data), Served(folder))
    except (ArtifactError, EvaluationError) as error:
        raise EarshotError(str(error)) from None


def train(recipe: str | Path, out: str | Path | None = None) -> dict[str, Any]:
    """Train a recipe of the lab, as `earshot train sentiment` does; return its story.

    out: the run's folder, `runs/NAME` otherwise. Needs the extra `train`. Raises EarshotError with
    one line, for what is missing or wrong and for a model that the gate refuses.
    """
    from models.evaluation.compare_served import Served
    from models.training.errors import TrainingError
    from stream.bootstrap.loading import model_folder

    try:
        from models.training.lab.train import train as run
    except ModuleNotFoundError as error:
        raise EarshotError(f"training needs {error.name}: pip install 'earshot[train]'") from None
    in_use = Served(model_folder(read_settings()))
    try:
        return run(Path(recipe), None if out is None else Path(out), in_use=in_use)
    except TrainingError as error:
        raise EarshotError(str(error)) from None


def _batches(texts: str | Iterable[str]) -> Iterable[list[str]]:
    rows = [texts] if isinstance(texts, str) else list(texts)
    for place, text in enumerate(rows):
        if not isinstance(text, str):
            raise EarshotError(f"text {place} is no text but a {type(text).__name__}")
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]
