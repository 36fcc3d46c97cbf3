"""The gate asks whether a model is any good, by paired tests, and says what to do next."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from lab_runs import config_of

from models.registry import losses
from models.training.lab.train import train
from models.training.release.quality import QualityError, better_by_chance, quality

TRUTH = np.array([0] * 40 + [1] * 10)
ALWAYS = np.zeros_like(TRUTH)


class Flawless:
    """A model in use that is right about everything that the tiny validation file holds."""

    version, labels = "flawless", ("negative", "neutral", "positive")
    facts: ClassVar = {}

    def sentiments(self, texts):
        return np.eye(3, dtype=np.float32)[[row % 3 for row in range(len(texts))]]


def test_the_paired_test_counts_only_the_texts_on_which_two_models_part():
    ours = TRUTH.copy()
    ours[:2] = 1  # two mistakes against ten of the other

    assert better_by_chance(TRUTH, ours, ALWAYS) == pytest.approx(0.0193, abs=1e-4)  # 10 of 12
    assert better_by_chance(TRUTH, ALWAYS, ALWAYS) == 1.0
    assert better_by_chance(TRUTH, ALWAYS, ours) > 0.9


def test_a_model_that_always_says_the_same_fails_whatever_its_accuracy():
    (check,) = quality(TRUTH, ALWAYS, majority=0)

    assert not check.passed
    assert all(check.passed for check in quality(TRUTH, TRUTH, 0, ("old", ALWAYS)))


def test_a_model_as_good_as_the_one_in_use_passes_and_a_worse_one_does_not():
    same = quality(TRUTH, TRUTH, 0, ("old", TRUTH))
    worse = TRUTH.copy()
    worse[:8] = 1

    assert all(check.passed for check in same)
    assert [check.passed for check in quality(TRUTH, worse, 0, ("old", TRUTH))][1] is False


def test_a_run_that_learnt_nothing_is_not_released_and_says_what_to_do(tmp_path):
    config = config_of(tmp_path, layers=1, epochs=1, rate=1e-9)

    with pytest.raises(QualityError, match=r"as the most frequent label.*Next: .*more epochs"):
        train(config, tmp_path / "run", say=lambda line: None)
    assert not (tmp_path / "run" / "release").exists()
    assert (tmp_path / "run" / "model").exists()


def test_a_run_that_is_worse_than_the_model_in_use_is_not_released(tmp_path):
    config = config_of(tmp_path, layers=1, frozen=0, epochs=4)

    with pytest.raises(QualityError, match=r"worse than flawless in use.*Next: .*keep it"):
        train(config, tmp_path / "run", in_use=Flawless(), say=lambda line: None)


def test_what_a_new_model_does_worse_on_the_same_texts_is_told():
    before = {"validation": {"a": {"macro_f1": 0.8}, "b": {"macro_f1": 0.7}, "c": {"mae": 3}}}
    after = {"validation": {"a": {"macro_f1": 0.75}, "b": {"macro_f1": 0.695}, "c": {"mae": 9}}}

    assert losses(before, after) == ["a macro-F1 0.750, was 0.800"]
    assert losses(before, {"validation": {}}) == []
