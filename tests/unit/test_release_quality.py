"""The gate asks whether a model is any good, by paired tests, and says what to do next."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from lab_runs import config_of

from models.registry import losses
from models.training.corpus.data import IGNORED
from models.training.lab.release import agreement
from models.training.lab.train import train
from models.training.release import gate, remedies
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


def test_every_refusal_is_one_line_with_what_to_do_next_and_each_remedy_once(tmp_path):
    checks = [
        gate.Check("INT8", 0.5, 0.1, remedy=remedies.SMALL),
        gate.Check("logits", 0.5, 0.1, remedy=remedies.SMALL),
        gate.Check("a part that passed", 0.0, 0.1, remedy=remedies.COST),
        gate.Check("time", 0.5, 0.1, remedy="a quiet machine"),
    ]

    line = gate.refusal(checks, tmp_path / "model")

    assert "\n" not in line
    assert line.startswith("the model is not released: FAIL INT8: 0.50000 (must be <= 0.10000); ")
    assert line.count(remedies.SMALL) == 1
    assert line.endswith(
        f"Next: {remedies.SMALL}; a quiet machine. The trained model stays in {tmp_path / 'model'}"
    )
    assert gate.refusal(checks[2:3]) is None


def test_a_network_that_gives_no_numbers_is_told_apart_from_a_faulty_export():
    broken = {"sentiment": np.full((2, 3), np.nan, np.float32)}
    check = gate.same("exported against trained", broken, broken)

    assert not check.passed
    assert remedies.DIVERGED in gate.refusal([check])
    assert remedies.FAULT not in gate.refusal([check])


def test_a_small_model_that_is_surer_than_the_full_one_asks_for_rows_or_smoothing():
    truth = np.array([0, 1, 2] * 10)
    exact = np.eye(3, dtype=np.float32)[truth] * 4
    small = exact.copy()
    small[:6] = -9 * exact[:6]  # wrong, and sure of it

    line = gate.refusal(agreement(truth, exact, small))

    assert "FAIL sentiment, lost calibration" in line
    assert "`validation`, a CSV with text,label, holds 30" in line
    assert "`smoothing`" in line


def test_a_smaller_form_of_all_heads_names_how_many_labels_its_calibration_is_of():
    truth = np.array([0, 1, 2] * 4 + [IGNORED] * 5)
    logits = np.zeros((17, 3), np.float32)
    outputs = {"sentiment": logits, "embedding": np.ones((17, 1), np.float32)}

    checks = gate.compared(outputs, outputs, outputs["embedding"], {"sentiment": truth})

    assert all(check.passed and check.remedy for check in checks)
    assert "the held-out part holds 12" in checks[-1].remedy


def test_what_a_new_model_does_worse_on_the_same_texts_is_told():
    before = {"validation": {"a": {"macro_f1": 0.8}, "b": {"macro_f1": 0.7}, "c": {"mae": 3}}}
    after = {"validation": {"a": {"macro_f1": 0.75}, "b": {"macro_f1": 0.695}, "c": {"mae": 9}}}

    assert losses(before, after) == ["a macro-F1 0.750, was 0.800"]
    assert losses(before, {"validation": {}}) == []


def test_what_a_model_lost_since_is_told_of_every_step_from_the_model_before():
    def step(start, before, after):
        rows = ({"levels": {"n": 40, "macro_f1": value}} for value in (before, after))
        return {"with": start, **dict(zip(("before", "after"), rows, strict=True))}

    after = {"compared": [step("a", 0.9, 0.7), step("b", 0.6, 0.5), step("c", 0.5, 0.8)]}

    assert losses({"version": "b"}, after) == ["levels macro-F1 0.500, was 0.600"]
    assert losses({"version": "c"}, after) == []
    assert len(losses({"version": "a"}, after)) == 2
    assert losses({"version": "another"}, after) == []
