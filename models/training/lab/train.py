"""Sentiment training by a recipe of the lab: texts, base, fit, saved models, release."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from transformers import AutoConfig, AutoTokenizer

from models.analyzer import softmax
from models.evaluation.compare_sentiment import Contestant
from models.evaluation.metrics import macro_f1
from models.training.corpus.data import shared_data
from models.training.lab.build import build, say_reading, write_base
from models.training.lab.fit import Fit, check_logger, fit, processes
from models.training.lab.keep import BASE, RELEASE, RUN, keep, with_weights, write
from models.training.lab.preference import Preference, read_preferences
from models.training.lab.pseudo import confident
from models.training.lab.recipe import Recipe, read_recipe
from models.training.lab.rehearse import refuse_without_gpu, rehearse
from models.training.lab.release import release
from models.training.lab.sets import Labelled, Sets, sets_of, unlabelled
from models.training.lab.tokens import Tokens, logits_of
from models.training.progress import Print
from models.training.recipes import RecipeError

POOL = 5  # unlabelled texts that are read for each that may be learnt


def train(
    config: Path,
    out: Path | None = None,
    *,
    data: Path | None = None,
    preferences: Path | None = None,
    in_use: Contestant | None = None,
    say: Print = print,
) -> dict[str, Any]:
    """Train the recipe in `config` and return the run's story.

    `out/release` is the small model, if the gate lets it.
    out: the run's folder (`runs/NAME`); an interrupted run goes on from its checkpoint. data: the
    public sets. preferences: a CSV with text,better,worse instead of the recipe's. in_use: a
    released model must not be worse than this one on the texts held out. Raises TrainingError,
    with one clear line, for what is missing or wrong and for a model that the gate refuses.
    """
    recipe = read_recipe(config)
    refuse_without_gpu(recipe)
    check_logger(recipe)
    root = data or shared_data()
    sets = sets_of(recipe, config.parent, root)
    pairs: list[Preference] = []
    if preferences is None and recipe.preferences:
        preferences = config.parent / recipe.preferences
    if preferences is not None:
        pairs, hashes = read_preferences(preferences, sets.names)
        sets = replace(sets, hashes=sets.hashes | hashes)
    out = out or Path("runs") / recipe.name
    if recipe.pseudo:
        sets = with_pseudo(recipe, sets, config.parent, root, out / "teacher", say)
    run = fitted(recipe, sets, out, say, pairs)
    if not processes().is_main_process:
        return {}
    more: dict[str, Any] = {"pairs": len(pairs)} if pairs else {}
    if recipe.read:
        run, more["read"] = with_best_length(run, say)
    story = keep(run, more)
    story["release"] = release(run, out / RELEASE, story, in_use, say)
    write(out / RUN, story)
    return story


def fitted(
    recipe: Recipe, sets: Sets, out: Path, say: Print, pairs: list[Preference] | None = None
) -> Fit:
    """A run to its end, from the base in `out/base`, which is written first."""
    state = processes()
    if state.is_main_process:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecipeError(
                f"{out}: it cannot be the directory of a run ({error.strerror})"
            ) from None
        if not (out / BASE / "config.json").exists():
            write_base(recipe, sets.names, out / BASE)
        rehearse(recipe, out / BASE)
    state.wait_for_everyone()
    positions = getattr(AutoConfig.from_pretrained(out / BASE), "max_position_embeddings", None)
    longest = max(recipe.longest, *recipe.read, 0)
    if positions is not None and longest > positions:
        raise RecipeError(
            f"{longest} tokens: the base {recipe.base} reads {positions} at most (longest, read)"
        )
    torch.manual_seed(recipe.seed)  # of the adapters
    model = build(recipe, out / BASE)
    tokenizer = AutoTokenizer.from_pretrained(out / BASE, use_fast=True)
    return fit(recipe, sets, model, Tokens(tokenizer, recipe.reading), out, say, pairs or ())


def with_best_length(run: Fit, say: Print) -> tuple[Fit, dict[str, float]]:
    """The run, reading as many tokens as is best in validation, and macro-F1 by that number.

    A model may read more than it learnt from: the words are the same. Of equal ones the shorter,
    which is faster.
    """
    recipe, folder = run.recipe, run.out / BASE
    model = with_weights(build(recipe, folder), run.best())
    texts = run.sets.validation.texts
    truth = np.array(run.sets.validation.labels)
    scores: dict[int, float] = {}
    for longest in sorted({recipe.longest, *recipe.read}):
        tokens = Tokens(run.tokens.tokenizer, replace(recipe.reading, longest=longest))
        guesses = logits_of(model, tokens, tokens(texts)).argmax(-1)
        scores[longest] = round(macro_f1(truth, guesses, len(run.sets.names)), 4)
        say(json.dumps({"read": longest, "score": scores[longest]}))
    best = max(scores, key=lambda longest: (scores[longest], -longest))
    tokens = Tokens(run.tokens.tokenizer, replace(recipe.reading, longest=best))
    say_reading(folder, tokens.reading)
    run = replace(run, tokens=tokens, held_out=tokens(texts))
    return run, {str(longest): score for longest, score in scores.items()}


def with_pseudo(
    recipe: Recipe, sets: Sets, folder: Path, root: Path, out: Path, say: Print
) -> Sets:
    """The sets with texts that a first run, on the labelled texts alone, is sure of."""
    texts, hashes = unlabelled(
        str(recipe.pseudo), folder, root, POOL * recipe.pseudo_most, recipe.seed
    )
    teacher = fitted(replace(recipe, pseudo=None, preferences=None), sets, out, say)
    state = processes()
    shared: list[Any] = [None]  # rows and labels, the same in every process
    if state.is_main_process:
        model = with_weights(build(teacher.recipe, out / BASE), teacher.best())
        probabilities = softmax(logits_of(model, teacher.tokens, teacher.tokens(texts)))
        shared = [confident(probabilities, recipe.pseudo_least, recipe.pseudo_most)]
        say(json.dumps({"pseudo_labels": len(shared[0][0]), "of": len(texts)}))
    if state.num_processes > 1:
        shared = broadcast_object_list(shared)
    rows, labels = shared[0]
    added = Labelled(
        tuple(texts[row] for row in rows.tolist()),
        tuple(labels.tolist()),
        (recipe.pseudo_weight,) * len(rows),
    )
    return replace(sets, train=sets.train.joined(added), hashes=sets.hashes | hashes)
