"""What a run learns from beside its labelled texts: unlabelled ones, and pairs."""

from __future__ import annotations

import json

import numpy as np
from benchmarks.ablation import VARIANTS, ablation, table
from lab_runs import CONFIGS, config_of

from models.analyzer import softmax
from models.evaluation.labelled_file import read_sentiments
from models.training.lab.build import build
from models.training.lab.keep import BASE, with_weights
from models.training.lab.preference import Preference, write_preferences
from models.training.lab.recipe import read_recipe
from models.training.lab.sets import sets_of
from models.training.lab.tokens import logits_of
from models.training.lab.train import fitted, train, with_pseudo


def test_unlabelled_texts_that_the_model_is_sure_of_are_learnt_with_less_weight(tmp_path):
    texts, _ = read_sentiments(CONFIGS / "lab_tiny.csv")
    (tmp_path / "more.txt").write_text("\n".join(f"{text} today" for text in texts))
    config = config_of(
        tmp_path,
        "lab_tiny_lora",
        seed=3,
        steps=96,
        balance=0.5,
        pseudo="more.txt",
        pseudo_most=12,
        pseudo_least=0.4,
    )
    recipe, said = read_recipe(config), []
    before = sets_of(recipe, tmp_path, tmp_path)

    after = with_pseudo(recipe, before, tmp_path, tmp_path, tmp_path / "teacher", said.append)

    added = after.train.labels[len(before.train) :]
    assert 0 < len(added) <= 12
    assert len({added.count(label) for label in range(3)}) == 1
    assert set(after.train.weights[len(before.train) :]) == {0.5}
    assert "more.txt" in after.hashes
    assert json.loads(said[-1])["pseudo_labels"] == len(added)


def test_pairs_move_the_model_towards_the_better_label(tmp_path):
    config = config_of(tmp_path, "lab_tiny_lora", layers=1, steps=25, preference_weight=2.0)
    recipe = read_recipe(config)
    sets = sets_of(recipe, tmp_path, tmp_path)
    texts = ["the crew was sick", "this song is the bomb", "that match was insane"]
    pairs = [Preference(text, 2, 0) for text in texts]

    def positive(folder, pairs):
        fit = fitted(recipe, sets, folder, lambda line: None, pairs)
        model = with_weights(build(recipe, folder / BASE), fit.best())
        return float(softmax(logits_of(model, fit.tokens, fit.tokens(texts)))[:, 2].mean())

    assert positive(tmp_path / "pairs", pairs) > positive(tmp_path / "plain", []) + 0.1


def test_a_whole_run_takes_pairs_of_a_file(tmp_path):
    write_preferences([("so sick", "positive", "negative")], tmp_path / "pairs.csv")
    config = config_of(tmp_path, "lab_tiny_lora", steps=70, augment=0.5, preferences="pairs.csv")

    story = train(config, tmp_path / "run", say=lambda line: None)

    assert story["pairs"] == 1
    assert set(story["data"]) == {"lab_tiny.csv", "lab_tiny_validation.csv", "pairs.csv"}


def test_the_ablation_runs_every_variant_and_remembers_what_was_done(tmp_path):
    (tmp_path / "more.txt").write_text("what a lovely day\nthe worst of all\nit opens at nine\n")
    config = config_of(
        tmp_path,
        "lab_tiny_lora",
        layers=1,
        steps=4,
        most=60,
        epochs=1,
        pseudo="more.txt",
        pseudo_least=0.3,
    )
    said = []

    told = ablation(config, tmp_path / "out", seeds=(1,), data=tmp_path, say=said.append)
    again = ablation(config, tmp_path / "out", seeds=(1,), data=tmp_path, say=said.append)

    assert told == again
    assert list(told["variants"]) == list(VARIANTS)
    assert all(np.isfinite(one["log_loss"]) for one in told["variants"].values())
    assert told["variants"]["full"]["trained"] > 10 * told["variants"]["plain"]["trained"]
    assert table(told).count("\n") == len(VARIANTS) + 1
