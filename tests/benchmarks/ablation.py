"""Ablation of a recipe of the lab: the same small run with one thing changed, over a few seeds.

`PYTHONPATH=tests python -m benchmarks.ablation tests/benchmarks/ablation.toml --seeds 1`, with the
train extra. Validation texts judge; no test part is read. A run that is there already is not done
again.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.analyzer import softmax
from models.evaluation.metrics import macro_f1
from models.training.corpus.data import shared_data
from models.training.lab.build import build
from models.training.lab.fit import Fit
from models.training.lab.keep import BASE, size, with_weights, write
from models.training.lab.preference import Preference
from models.training.lab.recipe import Recipe, Way, read_recipe
from models.training.lab.sets import Labelled, Sets, sets_of
from models.training.lab.tokens import logits_of
from models.training.lab.train import fitted, with_pseudo

VARIANTS: Mapping[str, str] = {
    "plain": "the recipe without any of them",
    "full": "all weights instead of adapters, or the other way round",
    "smoothing": "label smoothing 0.1",
    "augmentation": "half of the texts in another wording each time",
    "pseudo-labels": "unlabelled tweets that the plain model is sure of",
    "corrections as labels": "texts that the plain model got wrong, as further labelled texts",
    "corrections as pairs": "the same texts as pairs: what is so against what the model said",
}
OTHER_WAY: dict[Way, Way] = {"full": "lora", "lora": "full"}
RATES = {"full": 0.2, "lora": 5.0}  # adapters learn at about five times the rate of whole weights

Mistake = tuple[str, int, int]  # text, true label, guess


@dataclass(frozen=True)
class Ablation:
    """Where the runs of a recipe find their files and leave their results."""

    recipe: Recipe
    folder: Path  # of the recipe
    data: Path  # the public sets
    out: Path
    say: Callable[[str], None]

    def run(self, seeds: Sequence[int]) -> dict[str, Any]:
        """Run every variant for every seed; returns the figures, also in `out/ablation.json`.

        The corrections are simulated: as many texts more as the recipe learns from, of which the
        plain model's mistakes count.
        """
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
        for seed in seeds:
            recipe = replace(
                self.recipe, seed=seed, pseudo=None, preferences=None, augment=0.0, smoothing=0.0
            )
            sets, pool = _halves(sets_of(_doubled(recipe), self.folder, self.data))
            mistakes: list[Mistake] = []
            for name in VARIANTS:
                folder = self.out / f"seed-{seed}" / name.replace(" ", "-")
                figures = self._figures_of(name, recipe, sets, pool, mistakes, folder)
                if name == "plain":
                    mistakes = _read_mistakes(folder)
                rows[name].append(figures)
                self.say(json.dumps({"seed": seed, "variant": name, **figures}))
        story = {
            "recipe": self.recipe.name,
            "seeds": list(seeds),
            "texts": len(sets.train),
            "validation": len(sets.validation),
            "variants": {name: _summary(figures) for name, figures in rows.items()},
        }
        write(self.out / "ablation.json", story)
        return story

    def _figures_of(
        self,
        name: str,
        recipe: Recipe,
        sets: Sets,
        pool: Labelled,
        mistakes: Sequence[Mistake],
        folder: Path,
    ) -> dict[str, float]:
        path = folder / "figures.json"
        if path.is_file() and (name != "plain" or (folder / "wrong.json").is_file()):
            figures: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
            return figures
        fit = self._fit(name, recipe, sets, mistakes, folder)
        figures = _figures(fit)
        if name == "plain":
            write(folder / "wrong.json", {"wrong": _mistakes(fit, pool)})
        write(path, figures)
        for heavy in ("checkpoint", BASE, "teacher"):
            shutil.rmtree(folder / heavy, ignore_errors=True)
        return figures

    def _fit(
        self, name: str, recipe: Recipe, sets: Sets, mistakes: Sequence[Mistake], folder: Path
    ) -> Fit:
        pairs: list[Preference] = []
        if name == "full":
            other = OTHER_WAY[recipe.way]
            recipe = replace(recipe, way=other, rate=recipe.rate * RATES[other])
        elif name == "smoothing":
            recipe = replace(recipe, smoothing=0.1)
        elif name == "augmentation":
            recipe = replace(recipe, augment=0.5)
        elif name == "pseudo-labels":
            recipe = replace(recipe, pseudo=self.recipe.pseudo or "tweets")
            sets = with_pseudo(recipe, sets, self.folder, self.data, folder / "teacher", _silent)
        elif name == "corrections as labels":
            sets = replace(sets, train=sets.train.joined(_corrected(mistakes)))
        elif name == "corrections as pairs":
            pairs = [Preference(text, truth, guess) for text, truth, guess in mistakes]
        return fitted(recipe, sets, folder, _silent, pairs)


def ablation(
    config: Path,
    out: Path,
    *,
    seeds: Sequence[int],
    data: Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """The figures of every variant of a recipe. data: the public sets; EARSHOT_SHARED otherwise."""
    root = data or shared_data()
    return Ablation(read_recipe(config), config.parent, root, out, say).run(seeds)


def table(story: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| variant | macro-F1 | against plain, by seed | accuracy | log loss | trained"
        " | processor s | bytes to keep |",
        "|---|---|---|---|---|---|---|---|",
    ]
    plain = story["variants"]["plain"]["each"]
    for name, row in story["variants"].items():
        gains = ""
        if name != "plain":
            differences = np.array(row["each"]) - np.array(plain)
            gains = ", ".join(f"{100 * difference:+.1f}" for difference in differences)
        lines.append(
            f"| {name} | {row['macro_f1']:.3f} | {gains} | {row['accuracy']:.3f}"
            f" | {row['log_loss']:.3f} | {row['trained']:,.0f} | {row['processor_seconds']:.0f}"
            f" | {row['bytes']:,.0f} |"
        )
    return "\n".join(lines)


def _figures(fit: Fit) -> dict[str, float]:
    truth = np.array(fit.sets.validation.labels)
    model = with_weights(build(fit.recipe, fit.out / BASE), fit.best())
    probabilities = softmax(logits_of(model, fit.tokens, fit.held_out))
    guesses = probabilities.argmax(-1)
    likely = probabilities[np.arange(len(truth)), truth]
    adapters = 4 * fit.parameters["trained"]
    return {
        "macro_f1": round(macro_f1(truth, guesses, len(fit.sets.names)), 4),
        "accuracy": round(float((guesses == truth).mean()), 4),
        "log_loss": round(float(-np.log(likely + 1e-9).mean()), 4),
        "trained": fit.parameters["trained"],
        "processor_seconds": round(fit.progress.busy, 1),
        "bytes": size(fit.out / BASE) if fit.recipe.way == "full" else adapters,
        "steps": fit.progress.step,
    }


def _mistakes(fit: Fit, pool: Labelled) -> list[Mistake]:
    """The texts that the model got wrong."""
    model = with_weights(build(fit.recipe, fit.out / BASE), fit.best())
    guesses = logits_of(model, fit.tokens, fit.tokens(pool.texts)).argmax(-1).tolist()
    rows = zip(pool.texts, pool.labels, guesses, strict=True)
    return [(text, label, guess) for text, label, guess in rows if label != guess]


def _read_mistakes(folder: Path) -> list[Mistake]:
    story = json.loads((folder / "wrong.json").read_text(encoding="utf-8"))
    return [(text, label, guess) for text, label, guess in story["wrong"]]


def _corrected(mistakes: Sequence[Mistake]) -> Labelled:
    texts = tuple(text for text, _, _ in mistakes)
    labels = tuple(truth for _, truth, _ in mistakes)
    return Labelled(texts, labels, (1.0,) * len(mistakes))


def _doubled(recipe: Recipe) -> Recipe:
    return replace(recipe, most=2 * recipe.most) if recipe.most else recipe


def _halves(sets: Sets) -> tuple[Sets, Labelled]:
    """The first half to learn from, the other half to be corrected on."""
    half = len(sets.train) // 2
    first, rest = sets.train.part(0, half), sets.train.part(half, None)
    return replace(sets, train=first), rest


def _summary(figures: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    means = {name: round(float(np.mean([row[name] for row in figures])), 4) for name in figures[0]}
    return {**means, "each": [row["macro_f1"] for row in figures]}


def _silent(line: str) -> None:
    """Of the runs one line each is enough."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument(
        "--data", type=Path, help="directory of the public sets; EARSHOT_SHARED/data"
    )
    parser.add_argument("--seeds", type=int, default=2, help="how many each variant is run with")
    options = parser.parse_args()
    seeds = range(1, options.seeds + 1)
    print(table(ablation(options.recipe, options.out, seeds=seeds, data=options.data)))


if __name__ == "__main__":
    main()
