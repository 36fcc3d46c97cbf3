"""The lab's recipes: dropout that works from the first step, and runs that end as they promise."""

from __future__ import annotations

import json

import pytest
import torch
from lab_runs import config_of

from models.training.lab.recipe import read_recipe
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
