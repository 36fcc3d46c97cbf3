"""The lab's recipes: dropout from the first step, runs that end as promised, and languages."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from lab_runs import CONFIGS, config_of

from models.sentiment_classifier import Classifier
from models.training.lab.recipe import read_recipe
from models.training.lab.release import card, release
from models.training.lab.sets import sets_of
from models.training.lab.train import fitted


def weights_after(folder, dropout, steps=4):
    """The trained weights before the first validation, which comes after the last of the steps."""
    folder.mkdir()
    recipe = read_recipe(config_of(folder, layers=1, steps=steps, dropout=dropout))
    lines: list[str] = []
    fit = fitted(recipe, sets_of(recipe, folder, folder), folder / "run", lines.append)
    looks = [row["step"] for row in map(json.loads, lines) if "validation_loss" in row]
    assert looks == [steps]
    return fit.best()


def test_dropout_works_before_the_first_validation(tmp_path):
    """A base from `from_pretrained` does not: whoever trains it has to say so before a step."""
    without, again, strong = (
        weights_after(tmp_path / name, dropout)
        for name, dropout in (("without", 0.0), ("again", 0.0), ("strong", 0.9))
    )

    assert all(torch.equal(weight, again[name]) for name, weight in without.items())
    assert any(not torch.equal(weight, strong[name]) for name, weight in without.items())


@pytest.mark.parametrize(("run", "bound"), [("full_run", 0.3), ("lora_run", 0.9)])
def test_the_loss_falls_as_the_tiny_recipes_say(run, bound, request):
    """With one layer and 60 steps, from 1.1: to 0.04 with all weights, to 0.69 with adapters.

    The recipes have two layers and 96 steps, and both end below 0.1.
    """
    log = (request.getfixturevalue(run).folder / "train.log").read_text()
    losses = [row["loss"] for row in map(json.loads, log.splitlines()) if "loss" in row]

    assert losses[0] > 1.0
    assert losses[-1] < bound


SPANISH = "no funciona mi linea desde ayer"
GERMAN = "mein Anschluss ist seit gestern gestört und niemand hilft mir"


def test_a_release_judges_the_languages_of_its_recipe_and_no_others(full_run, tmp_path):
    """The languages change nothing that is learned: the finished run is released again."""
    shutil.copytree(full_run.folder, tmp_path / "run")
    changes = {"layers": 1, "frozen": 0, "steps": 60, "languages": ["en", "es"]}
    recipe = read_recipe(config_of(tmp_path, **changes))
    fit = fitted(recipe, sets_of(recipe, tmp_path, tmp_path), tmp_path / "run", lambda line: None)

    story = release(fit, tmp_path / "release", dict(full_run.story))

    assert story["languages"] == ["en", "es"]
    assert full_run.story["release"]["languages"] == ["en"]
    judged = Classifier(tmp_path / "release", threads=1)([SPANISH, GERMAN])
    english = Classifier(full_run.folder / "release", threads=1)([SPANISH, GERMAN])
    assert [analysis.why for analysis in judged] == [None, "language"]
    assert [analysis.why for analysis in english] == ["language", "language"]
    assert "Sentiment of texts in en, es (" in card(story)
    assert "Sentiment of English texts (" in card(full_run.story["release"])


def test_the_multilingual_recipe_can_be_read_and_rewords_nothing_in_english():
    recipe = read_recipe(CONFIGS / "lab_multilingual.toml")

    assert len(recipe.languages) > 1
    assert recipe.augment == 0  # the wordings are English
    assert not (CONFIGS / recipe.data).exists()  # the user brings the labels
