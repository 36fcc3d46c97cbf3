"""The lab: what a run leaves, how it goes on, and what it refuses."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from lab_runs import CONFIGS, config_of
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.analyzer import softmax
from models.artifact import ArtifactError
from models.evaluation.sentiment import evaluate_sentiment
from models.sentiment_classifier import Classifier, Reading
from models.training.corpus.data import DataError
from models.training.encoder.base import BaseError
from models.training.lab import release as releasing
from models.training.lab.build import kernels
from models.training.lab.fit import LOGGERS
from models.training.lab.recipe import is_recipe, read_recipe
from models.training.lab.sets import sets_of
from models.training.lab.train import fitted, train
from models.training.recipes import RecipeError
from models.training.release.gate import GateError

TEXTS = ["thank you so much, you made my day", "worst service, so disappointed"]


def said_by(model, folder, texts=TEXTS):
    tokens = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        return model.eval()(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        ).logits.numpy()


def test_a_run_tells_its_recipe_data_seed_versions_and_figures(full_run):
    folder, story = full_run

    assert json.loads((folder / "run.json").read_text()) == json.loads(json.dumps(story))
    assert story["recipe"]["rate"] == 1e-3
    assert len(story["data"]["lab_tiny.csv"]) == 64
    assert story["seed"] == 17
    assert story["parameters"]["trained"] == story["parameters"]["all"]
    assert story["versions"].keys() >= {"torch", "transformers", "peft", "python"}
    assert story["validation"]["n"] == story["texts"]["validation"]
    assert {"step", "of", "loss"} <= json.loads(
        (folder / "train.log").read_text().splitlines()[0]
    ).keys()


def test_the_merged_model_and_the_adapter_load_with_from_pretrained_and_agree(lora_run):
    from peft import PeftModel

    folder, story = lora_run
    merged, base = (
        AutoModelForSequenceClassification.from_pretrained(folder / name, **kernels())
        for name in ("model", "base")
    )
    adapted = PeftModel.from_pretrained(base, folder / "adapter")

    assert merged.config.id2label == {0: "negative", 1: "neutral", 2: "positive"}
    np.testing.assert_allclose(
        said_by(merged, folder / "model"), said_by(adapted, folder / "adapter"), atol=1e-4
    )
    assert story["parameters"]["trained"] < 0.03 * story["parameters"]["all"]
    assert story["bytes"]["adapter"] < 0.05 * story["bytes"]["model"]


def test_the_base_stays_beside_the_tuned_model_untouched(full_run):
    folder, _ = full_run
    before, after = (
        AutoModelForSequenceClassification.from_pretrained(folder / name, **kernels())
        for name in ("base", "model")
    )

    assert np.abs(said_by(before, folder / "base") - said_by(after, folder / "model")).max() > 0.1


def test_the_release_is_small_passed_the_gate_and_says_what_the_model_says(full_run):
    folder, story = full_run
    small = Classifier(folder / "release", threads=1)
    model = AutoModelForSequenceClassification.from_pretrained(folder / "model", **kernels())

    warm = story["release"]["temperature"]
    exact = softmax(said_by(model, folder / "model") / np.float32(warm))
    np.testing.assert_allclose(small.sentiments(TEXTS), exact, atol=0.1)
    assert all(line.startswith("ok") for line in story["release"]["gate"])
    assert story["release"]["bytes"]["int8"] < 0.3 * story["release"]["bytes"]["fp32"]
    card = (folder / "release" / "README.md").read_text()
    assert small.version in card
    assert (
        f"Learnt in {story['best_step']} steps of 16 from {story['texts']['train']} texts" in card
    )
    assert "test part" not in card


def test_a_released_model_is_evaluated_and_a_damaged_one_refused(full_run, tmp_path):
    folder, _ = full_run
    figures = evaluate_sentiment(
        CONFIGS / "lab_tiny.csv", Classifier(folder / "release", threads=1)
    )
    assert figures["n"] == 180
    assert figures["accuracy"] > 0.5

    shutil.copytree(folder / "release", tmp_path / "release")
    with (tmp_path / "release" / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ArtifactError, match="damaged"):
        Classifier(tmp_path / "release")


def test_a_small_model_that_lost_its_weights_is_not_released(full_run, tmp_path, monkeypatch):
    folder, _ = full_run
    shutil.copytree(folder, tmp_path / "run")
    recipe = replace(read_recipe(config_of(tmp_path, layers=1, frozen=0, steps=60)))
    fit = fitted(recipe, sets_of(recipe, tmp_path, tmp_path), tmp_path / "run", lambda line: None)

    def careless(source, target, texts, on_progress):
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(source)
        for constant in graph.graph.initializer:
            if "classifier" in constant.name:
                constant.CopyFrom(
                    numpy_helper.from_array(-3 * numpy_helper.to_array(constant), constant.name)
                )
        onnx.save(graph, target)

    monkeypatch.setattr(releasing, "quantise", careless)
    with pytest.raises(GateError, match=r"not released.*FAIL sentiment.*Next: .*run.model$"):
        releasing.release(
            fit, tmp_path / "run" / "other", json.loads((folder / "run.json").read_text())
        )
    assert not (tmp_path / "run" / "other").exists()


def test_an_interrupted_run_ends_as_one_that_was_not(tmp_path):
    (tmp_path / "once").mkdir()
    config = config_of(tmp_path, "lab_tiny_lora", layers=1, epochs=2, checkpoint_every=5)
    recipe = read_recipe(config)
    sets = sets_of(recipe, tmp_path, tmp_path)
    whole = fitted(recipe, sets, tmp_path / "whole", lambda line: None)

    said = []

    def dies(line):
        said.append(line)
        if json.loads(line).get("step") == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(recipe, sets, tmp_path / "parts", dies)
    said.clear()
    again = fitted(recipe, sets, tmp_path / "parts", said.append)

    assert json.loads(said[0]) == {"resumed_at": 5}
    assert again.progress.step == whole.progress.step == 24
    assert all(torch.equal(again.best()[name], weight) for name, weight in whole.best().items())
    with pytest.raises(RecipeError, match="another recipe"):
        fitted(replace(recipe, rank=4), sets, tmp_path / "parts", said.append)


def test_it_stops_early_when_nothing_gets_better(tmp_path):
    config = config_of(tmp_path, "lab_tiny_lora", layers=1, rate=1e-9, patience=2, looks=6)
    recipe = read_recipe(config)
    said = []

    fit = fitted(recipe, sets_of(recipe, tmp_path, tmp_path), tmp_path / "run", said.append)

    assert fit.progress.step < fit.total
    assert "stopped_early" in said[-1]


def test_two_classes_know_no_neutral_text(tmp_path):
    recipe = read_recipe(config_of(tmp_path, classes=2))

    sets = sets_of(recipe, tmp_path, tmp_path)

    assert sets.names == ("negative", "positive")
    assert set(sets.train.labels) == {0, 1}
    assert len(sets.train) + len(sets.validation) == 160


def test_no_text_that_is_held_out_is_learnt(tmp_path):
    rows = [
        ("a good day", "positive"),
        ("A  good day", "positive"),
        ("bad", "negative"),
        ("so so", "neutral"),
    ]
    for name in ("train.csv", "held.csv"):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows(
                [("text", "label"), *(rows if name == "train.csv" else rows[:1])]
            )
    (tmp_path / "recipe.toml").write_text(
        'way = "full"\ndata = "train.csv"\nvalidation = "held.csv"\nclasses = 3\n'
    )

    with pytest.raises(DataError, match="2 texts of 2 classes"):
        sets_of(read_recipe(tmp_path / "recipe.toml"), tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("epochz = 3", "epochz"),
        ('way = "lorra"', "full or lora or qlora"),
        ("classes = 5", "classes is 2"),
        ('rate = "high"', "rate"),
        ("epochs = 0", "epochs is 1 or more"),
        ("layers = 0", "layers is 1 or more"),
        ("rate = -1.0", "rate is more than 0"),
        ("dropout = 1.0", "dropout is 0 to 0.9"),
        ("read = 64", "read is a list, each an int"),
        ("read = [4]", "read is 8 or more"),
        ('languages = "en"', "languages is a list, each a str"),
        ("languages = []", "languages are codes of ISO 639-1, one at least"),
        ('languages = ["en", "Spanish"]', "languages are codes of ISO 639-1"),
        ('augment_ways = ["typos", 3]', "augment_ways is a list, each a str"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, line, told):
    path = tmp_path / "mine.toml"
    path.write_text(line + ("" if "way" in line else '\nway = "full"'))

    with pytest.raises(RecipeError, match=told):
        read_recipe(path)


def test_what_is_not_there_is_named(tmp_path):
    recipe = read_recipe(config_of(tmp_path))
    with pytest.raises(DataError, match=r"none\.csv"):
        sets_of(replace(recipe, data="none.csv"), tmp_path, tmp_path)
    with pytest.raises(DataError, match="EARSHOT_SHARED"):
        sets_of(replace(recipe, data="imdb"), tmp_path, tmp_path)
    with pytest.raises(
        RecipeError, match=r"600 tokens: the base all-MiniLM-L6-v2 reads 512 at most"
    ):
        fitted(
            replace(recipe, longest=600),
            sets_of(recipe, tmp_path, tmp_path),
            tmp_path / "long",
            print,
        )
    (tmp_path / "file").write_text("")
    with pytest.raises(RecipeError, match="cannot be the directory of a run"):
        fitted(recipe, sets_of(recipe, tmp_path, tmp_path), tmp_path / "file", print)
    with pytest.raises(BaseError, match="no/such-model"):
        fitted(
            replace(recipe, base="no/such-model"),
            sets_of(recipe, tmp_path, tmp_path),
            tmp_path / "run",
            print,
        )


def test_a_run_says_how_far_its_release_is(full_run, tmp_path):
    shutil.copytree(full_run.folder, tmp_path / "run")
    recipe = read_recipe(config_of(tmp_path, layers=1, frozen=0, steps=60))
    fit = fitted(recipe, sets_of(recipe, tmp_path, tmp_path), tmp_path / "run", lambda line: None)
    said = []

    releasing.release(fit, tmp_path / "other", dict(full_run.story), None, said.append)

    stages = [json.loads(line) for line in said]
    assert [one["release"] for one in stages[:1] + stages[-1:]] == ["exporting", "measuring"]
    steps = [(one["done"], one["layers"]) for one in stages if one["release"] == "quantising"]
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


@pytest.mark.parametrize("where", ["tensorboard", "mlflow"])
def test_a_log_elsewhere_is_the_trainers_own_or_one_line(tmp_path, where):
    recipe = read_recipe(config_of(tmp_path, layers=1, frozen=0, steps=10, log_to=where))
    sets = sets_of(recipe, tmp_path, tmp_path)
    if not any(map(find_spec, LOGGERS[where])):
        with pytest.raises(RecipeError, match=f'log_to = "{where}" needs one more package: pip'):
            fitted(recipe, sets, tmp_path / "run", print)
        return
    fitted(recipe, sets, tmp_path / "run", lambda line: None)
    assert where != "tensorboard" or list((tmp_path / "run" / "tensorboard").iterdir())


def test_a_recipe_of_the_lab_says_its_way():
    assert is_recipe(CONFIGS / "lab_tiny.toml")
    assert not is_recipe(CONFIGS / "tiny.toml")
    for path in CONFIGS.glob("lab*.toml"):
        read_recipe(path)


def test_it_reads_as_many_tokens_as_are_best_in_validation_and_says_so(tmp_path):
    config = config_of(tmp_path, layers=1, frozen=0, epochs=3, longest=8, read=[64], both_ends=True)

    story = train(config, tmp_path / "run", say=lambda line: None)

    assert set(story["read"]) == {"8", "64"}
    best = max((8, 64), key=lambda longest: (story["read"][str(longest)], -longest))
    assert story["validation"]["macro_f1"] == story["read"][str(best)]
    assert story["release"]["reading"] == {"longest": best, "both_ends": True}
    for name in ("base", "model"):
        assert (
            json.loads((tmp_path / "run" / name / "config.json").read_text())["earshot"]["longest"]
            == best
        )
    assert f"cut after {best} tokens" in (tmp_path / "run" / "release" / "README.md").read_text()


def test_of_a_long_text_both_ends_are_kept_when_asked():
    ids = list(range(20))

    assert Reading(8).cut(ids) == [0, 1, 2, 3, 4, 5, 6, 19]
    assert Reading(8, both_ends=True).cut(ids) == [0, 1, 14, 15, 16, 17, 18, 19]
    assert Reading(20).cut(ids) == ids
    assert Reading().text("good<br /><br />film") == "good film"


def test_of_a_very_long_text_the_end_is_read_too():
    text = "begin " + "word " * 2000 + "end"

    assert Reading(8, both_ends=True).text(text).startswith("begin word")
    assert Reading(8, both_ends=True).text(text).endswith("word end")
    assert not Reading(8).text(text).endswith("end")
