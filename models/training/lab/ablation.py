"""What each part of a recipe adds: the same small run with one thing changed, over a few seeds, on
validation texts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.analyzer import softmax
from models.evaluation.metrics import macro_f1
from models.training.corpus.data import shared_data
from models.training.lab.build import build
from models.training.lab.fit import Fit, accelerator_of
from models.training.lab.keep import BASE, size, with_weights, write
from models.training.lab.preference import Preference
from models.training.lab.recipe import Recipe, Way, read_recipe
from models.training.lab.sets import Labelled, Sets, sets_of
from models.training.lab.tokens import logits_of
from models.training.lab.train import fitted, with_pseudo

Print = Callable[[str], None]

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


def ablation(
    config: Path,
    out: Path,
    *,
    seeds: Sequence[int] = (1, 2),
    data: Path | None = None,
    say: Print = print,
) -> dict[str, Any]:
    """Run every variant of the recipe for every seed; returns their figures, also in
    `out/ablation.json`.

    The recipe's validation texts judge; no test part is read. A run that is there already is not
    done again. The corrections are simulated: as many texts more as the recipe learns from, of
    which the plain model's mistakes count.
    """
    recipe = read_recipe(config)
    root = data or shared_data()
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for seed in seeds:
        seeded = replace(
            recipe, seed=seed, pseudo=None, preferences=None, augment=0.0, smoothing=0.0
        )
        sets, pool = _split(sets_of(_doubled(seeded), config.parent, root))
        wrong: list[tuple[str, int, int]] = []
        for name in VARIANTS:
            folder = out / f"seed-{seed}" / name.replace(" ", "-")
            known = folder / "figures.json"
            if known.is_file() and (name != "plain" or (folder / "wrong.json").is_file()):
                rows[name].append(json.loads(known.read_text(encoding="utf-8")))
            else:
                fit = _run(name, seeded, recipe, sets, wrong, folder, config.parent, root)
                figures = _figures(fit)
                if name == "plain":
                    write(folder / "wrong.json", {"wrong": _mistakes(fit, pool)})
                write(known, figures)
                rows[name].append(figures)
                for heavy in ("checkpoint", BASE, "teacher"):
                    shutil.rmtree(folder / heavy, ignore_errors=True)
            if name == "plain":
                wrong = [
                    tuple(one)
                    for one in json.loads((folder / "wrong.json").read_text(encoding="utf-8"))[
                        "wrong"
                    ]
                ]
            say(json.dumps({"seed": seed, "variant": name, **rows[name][-1]}))
    told = {
        "recipe": recipe.name,
        "seeds": list(seeds),
        "texts": len(sets.train),
        "validation": len(sets.validation),
        "variants": {name: _summary(some) for name, some in rows.items()},
    }
    write(out / "ablation.json", told)
    return told


def table(told: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| variant | macro-F1 | against plain, by seed | accuracy | log loss | trained | processor s | bytes to keep |",
        "|---|---|---|---|---|---|---|---|",
    ]
    plain = told["variants"]["plain"]["each"]
    for name, one in told["variants"].items():
        gains = ", ".join(
            f"{100 * (each - base):+.1f}" for each, base in zip(one["each"], plain, strict=True)
        )
        lines.append(
            f"| {name} | {one['macro_f1']:.3f} | {gains if name != 'plain' else ''} | {one['accuracy']:.3f} "
            f"| {one['log_loss']:.3f} | {one['trained']:,.0f} | {one['processor_seconds']:.0f} | {one['bytes']:,.0f} |"
        )
    return "\n".join(lines)


def _run(
    name: str,
    recipe: Recipe,
    asked: Recipe,
    sets: Sets,
    wrong: Sequence[tuple[str, int, int]],
    folder: Path,
    beside: Path,
    root: Path,
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
        recipe = replace(recipe, pseudo=asked.pseudo or "tweets")
        sets = with_pseudo(
            recipe,
            sets,
            beside,
            root,
            folder / "teacher",
            accelerator_of(recipe),
            lambda line: None,
        )
    elif name == "corrections as labels":
        more = Labelled(
            tuple(text for text, _, _ in wrong),
            tuple(truth for _, truth, _ in wrong),
            (1.0,) * len(wrong),
        )
        sets = replace(sets, train=sets.train.joined(more))
    elif name == "corrections as pairs":
        pairs = [Preference(text, truth, said) for text, truth, said in wrong]
    return fitted(recipe, sets, folder, lambda line: None, pairs)


def _figures(fit: Fit) -> dict[str, float]:
    truth = np.array(fit.sets.validation.labels)
    model = with_weights(build(fit.recipe, fit.out / BASE), fit.best())
    found = softmax(logits_of(model, fit.tokens, fit.held_out))
    guesses = found.argmax(-1)
    kept = 4 * fit.parameters["trained"] if fit.recipe.way != "full" else size(fit.out / BASE)
    return {
        "macro_f1": round(macro_f1(truth, guesses, len(fit.sets.names)), 4),
        "accuracy": round(float((guesses == truth).mean()), 4),
        "log_loss": round(float(-np.log(found[np.arange(len(truth)), truth] + 1e-9).mean()), 4),
        "trained": fit.parameters["trained"],
        "processor_seconds": round(fit.busy, 1),
        "bytes": kept,
        "steps": fit.step,
    }


def _mistakes(fit: Fit, pool: Labelled) -> list[tuple[str, int, int]]:
    """(text, what is so, what the model said) of the texts that it got wrong."""
    model = with_weights(build(fit.recipe, fit.out / BASE), fit.best())
    said = logits_of(model, fit.tokens, fit.tokens(pool.texts)).argmax(-1).tolist()
    return [
        (text, label, guess)
        for text, label, guess in zip(pool.texts, pool.labels, said, strict=True)
        if label != guess
    ]


def _doubled(recipe: Recipe) -> Recipe:
    return replace(recipe, most=2 * recipe.most) if recipe.most else recipe


def _split(sets: Sets) -> tuple[Sets, Labelled]:
    """The first half to learn from, the other half to be corrected on."""
    half, train = len(sets.train) // 2, sets.train
    first, rest = (
        Labelled(train.texts[part], train.labels[part], train.weights[part])
        for part in (slice(0, half), slice(half, None))
    )
    return replace(sets, train=first), rest


def _summary(figures: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    means = {name: round(float(np.mean([one[name] for one in figures])), 4) for name in figures[0]}
    return {**means, "each": [one["macro_f1"] for one in figures]}
