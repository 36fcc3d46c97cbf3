"""Training of a replier by its recipe: pairs, network, edits of agents, release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from models.analyzer import Analyzer
from models.artifact import default_artifact, sha256
from models.replier.slots import Slots
from models.training.corpus.data import shared_data
from models.training.errors import TrainingError
from models.training.recipes import RecipeError
from models.training.replies.corpus import corpus_of
from models.training.replies.data import (
    Prepared,
    edits_in,
    grouped,
    part_of,
    read_edits,
    read_pairs,
)
from models.training.replies.metrics import figures, write_held_out
from models.training.replies.recipe import Recipe, read_recipe
from models.training.replies.release import release
from models.training.replies.restore import read_start
from models.training.replies.trainer import Trainer

TESTED = 600  # pairs of the test split
FEWEST_EDITS = 10


def train_replies(
    config: Path,
    out: Path | None = None,
    *,
    data: Path | None = None,
    edits: Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train the recipe in `config`, write the replier to `out/model`, and return its story.

    out: corpus, log and checkpoints; an interrupted run goes on from there (`runs/NAME`). data: the
    public sets. edits: pairs that agents made from drafts; learnt after the recipe's own, or after
    its finished run in `out`. Raises TrainingError, with one clear line, for what is missing or
    wrong and for a model that is not released.
    """
    recipe = read_recipe(config)
    out = out or Path("runs") / recipe.name
    source = pairs_of(recipe, config, data)
    _check_early(recipe, edits)
    analyzer = Analyzer(default_artifact(), threads=recipe.threads)
    trainer = Trainer(
        recipe,
        corpus_of(recipe, source, out / "corpus", lambda texts: judged(analyzer, texts)),
        out,
        say,
    )
    learned = _learnable(edits, trainer, analyzer)
    trainer.run()
    edit_figures = trainer.learn_edits(learned) if learned else {}
    raw = grouped(read_pairs(source))
    write_held_out(
        [pair for pair in raw if part_of(pair.conversation) == "test"],
        out / "test.csv",
        TESTED,
        recipe.seed,
    )
    past = [pair for pair in raw if part_of(pair.conversation) == "train"]
    hashes = {path.name: sha256(path) for path in (source, edits) if path is not None}
    story = release(
        trainer,
        out / "model",
        hashes=hashes,
        measure=lambda folder: {
            **figures(folder, out / "test.csv", past, analyzer),
            **edit_figures,
        },
    )
    headline = {name: story["test"][name] for name in ("perplexity", "chrf", "invented")}
    trainer.say(released=str(out / "model"), version=story["version"], **headline)
    return story


def _check_early(recipe: Recipe, edits: Path | None) -> None:
    """Refuse too few edits and an unreadable start before minutes of preparing."""
    if edits is not None:
        _enough(edits, len(edits_in(edits)))
    if recipe.start is not None:
        read_start(Path(recipe.start))


def _learnable(edits: Path | None, trainer: Trainer, analyzer: Analyzer) -> list[Prepared]:
    """The prepared edits, [] without a file."""
    if edits is None:
        return []
    slots = Slots(trainer.corpus.words)
    learned = read_edits(edits, slots, lambda texts: judged(analyzer, texts))
    _enough(edits, len(learned))
    return learned


def _enough(edits: Path, count: int) -> None:
    if count < FEWEST_EDITS:
        raise RecipeError(
            f"{edits}: {count} usable edits; {FEWEST_EDITS} or more make a difference"
        )


def pairs_of(recipe: Recipe, config: Path, data: Path | None) -> Path:
    """The file of the pairs: beside the config, or beneath the public sets."""
    for path in (config.parent / recipe.pairs, (data or shared_data()) / recipe.pairs):
        if path.exists():
            return path
    raise TrainingError(
        f"training data is missing: {path} (EARSHOT_SHARED names the folder that holds data/)"
    )


def judged(analyzer: Analyzer, texts: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """(topic, sentiment) of each text."""
    pairs: list[tuple[str | None, str | None]] = []
    for start in range(0, len(texts), 512):
        for analysis in analyzer(texts[start : start + 512]):
            pairs.append(
                (
                    analysis.topic.label if analysis.topic else None,
                    analysis.sentiment.label if analysis.sentiment else None,
                )
            )
    return pairs
