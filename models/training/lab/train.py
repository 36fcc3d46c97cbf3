"""What `earshot train sentiment CONFIG` does with a recipe of the lab: sets, base, fit, keep,
release.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from transformers import AutoConfig, AutoTokenizer

from models.analyzer import softmax
from models.evaluation.metrics import macro_f1
from models.training.corpus.data import shared_data
from models.training.lab.build import build, say_reading, write_base
from models.training.lab.fit import Fit, accelerator_of
from models.training.lab.keep import BASE, RELEASE, RUN, keep, with_weights, write
from models.training.lab.preference import Preference, read_preferences
from models.training.lab.pseudo import chosen
from models.training.lab.recipe import Recipe, read_recipe
from models.training.lab.release import release
from models.training.lab.sets import Labelled, Sets, sets_of, unlabelled
from models.training.lab.tokens import Tokens, logits_of
from models.training.recipes import RecipeError

Print = Callable[[str], None]
POOL = 5  # unlabelled texts that are read for one that is wanted


def train(
    config: Path,
    out: Path | None = None,
    *,
    data: Path | None = None,
    preferences: Path | None = None,
    say: Print = print,
) -> dict[str, Any]:
    """Train the recipe in `config` and return the run's story; `out/release` is the small model, if
    the gate lets it.

    out: the run's folder (`runs/NAME`); an interrupted run goes on from its checkpoint. data: the
    public sets. preferences: a CSV with text,better,worse instead of the recipe's. Raises
    TrainingError, with one clear line, for what is missing or wrong and for a model that the gate
    refuses.
    """
    recipe = read_recipe(config)
    root = data or shared_data()
    sets = sets_of(recipe, config.parent, root)
    pairs: list[Preference] = []
    named = preferences or (config.parent / recipe.preferences if recipe.preferences else None)
    if named is not None:
        pairs, hashes = read_preferences(named, sets.names)
        sets = replace(sets, hashes=sets.hashes | hashes)
    out = out or Path("runs") / recipe.name
    accelerator = accelerator_of(recipe)
    if recipe.pseudo:
        sets = with_pseudo(recipe, sets, config.parent, root, out / "teacher", accelerator, say)
    fit = fitted(recipe, sets, out, say, pairs, accelerator)
    story: dict[str, Any] = {}
    if accelerator.is_main_process:
        more: dict[str, Any] = {"pairs": len(pairs)} if pairs else {}
        if recipe.read:
            more["read"] = read_best(fit, say)
        story = keep(fit, more)
        story["release"] = release(fit, out / RELEASE, story)
        write(out / RUN, story)
    return story


def fitted(
    recipe: Recipe,
    sets: Sets,
    out: Path,
    say: Print,
    pairs: list[Preference] | None = None,
    accelerator: Accelerator | None = None,
) -> Fit:
    """A run of the loop to its end, from the base in `out/base`, which is written first."""
    accelerator = accelerator or accelerator_of(recipe)
    if accelerator.is_main_process:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecipeError(
                f"{out}: it cannot be the directory of a run ({error.strerror})"
            ) from None
        if not (out / BASE / "config.json").exists():
            write_base(recipe, sets.names, out / BASE)
    accelerator.wait_for_everyone()
    positions = getattr(AutoConfig.from_pretrained(out / BASE), "max_position_embeddings", None)
    if positions is not None and (most := max(recipe.longest, *recipe.read, 0)) > positions:
        raise RecipeError(
            f"{most} tokens: the base {recipe.base} reads {positions} at most (longest, read)"
        )
    model = build(recipe, out / BASE)
    tokenizer = AutoTokenizer.from_pretrained(out / BASE, use_fast=True)
    fit = Fit(
        recipe, sets, model, Tokens(tokenizer, recipe.reading), out, say, pairs or (), accelerator
    )
    fit.run()
    return fit


def read_best(fit: Fit, say: Print) -> dict[str, float]:
    """Have the tuned model read as many tokens of a text as is best on the validation part:
    macro-F1 by that number.

    A model may read more than it learnt from: the words are the same. Of equal ones the shorter,
    which is faster.
    """
    recipe, folder = fit.recipe, fit.out / BASE
    model, held = with_weights(build(recipe, folder), fit.best()), fit.sets.validation
    truth, found = np.array(held.labels), {}
    for longest in sorted({recipe.longest, *recipe.read}):
        tokens = Tokens(fit.tokens.tokenizer, replace(recipe.reading, longest=longest))
        guesses = logits_of(model, tokens, tokens(held.texts)).argmax(-1)
        found[longest] = round(macro_f1(truth, guesses, len(fit.sets.names)), 4)
        say(json.dumps({"read": longest, "score": found[longest]}))
    best = max(found, key=lambda longest: (found[longest], -longest))
    fit.tokens = Tokens(fit.tokens.tokenizer, replace(recipe.reading, longest=best))
    fit.held_out = fit.tokens(held.texts)
    say_reading(folder, fit.tokens.reading)
    return {str(longest): score for longest, score in found.items()}


def with_pseudo(
    recipe: Recipe,
    sets: Sets,
    folder: Path,
    root: Path,
    out: Path,
    accelerator: Accelerator | None,
    say: Print,
) -> Sets:
    """The sets with texts that a first run, on the labelled texts alone, is sure of."""
    texts, hashes = unlabelled(
        str(recipe.pseudo), folder, root, POOL * recipe.pseudo_most, recipe.seed
    )
    accelerator = accelerator or accelerator_of(recipe)
    teacher = fitted(
        replace(recipe, pseudo=None, preferences=None), sets, out, say, None, accelerator
    )
    found: list[Any] = [None]
    if accelerator.is_main_process:
        model = with_weights(build(teacher.recipe, out / BASE), teacher.best())
        said = softmax(logits_of(model, teacher.tokens, teacher.tokens(texts)))
        found = [chosen(said, least=recipe.pseudo_least, most=recipe.pseudo_most)]
        say(json.dumps({"pseudo_labels": len(found[0][0]), "of": len(texts)}))
    rows, labels = broadcast_object_list(found)[0] if accelerator.num_processes > 1 else found[0]
    added = Labelled(
        tuple(texts[row] for row in rows.tolist()),
        tuple(labels.tolist()),
        (recipe.pseudo_weight,) * len(rows),
    )
    return replace(sets, train=sets.train.joined(added), hashes=sets.hashes | hashes)
