"""The recipe and the gate, on a tiny recipe that is written for the project."""

import json
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import models.training.train as training
from models.analyzer import Analyzer
from models.artifact import load_artifact
from models.training import gate
from models.training.batches import batches
from models.training.data import DataError, Example, part_of, public_corpus, split, table_corpus, text_hash, unique
from models.training.gate import GateError
from models.training.network import merged
from models.training.quantise import best_limits, quantise, quantised_weight, scale_and_zero
from models.training.release import release
from models.training.sentiment import RecipeError, Trainer, corpus_of, read_recipe, schedule

CONFIG = Path(training.__file__).parent / "configs" / "tiny.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The tiny recipe, trained."""
    recipe = replace(read_recipe(CONFIG), threads=1)
    said = []
    trainer = Trainer(recipe, corpus_of(recipe, CONFIG), tmp_path_factory.mktemp("run"), said.append)
    trainer.run()
    trainer.said = [json.loads(line) for line in said]
    return trainer


@pytest.fixture(scope="module")
def directory(run, tmp_path_factory):
    """Its model directory."""
    out = tmp_path_factory.mktemp("release") / "model"
    release(run, out)
    return out


def test_the_tiny_recipe_learns(run):
    looks = [line for line in run.said if "epoch" in line]

    assert looks[-1]["epoch"] == run.recipe.epochs
    assert run.best_score == max(look["score"] for look in looks) > 0.6
    assert looks[-1]["table.embedding"] > 0.9


def test_the_heads_survive_the_merge_and_their_loss_would_be_noticed(run):
    tuned = run.tuned()
    trained = {name: weight.detach().clone() for name, weight in tuned.named_parameters()}
    network = merged(tuned)

    assert gate.heads_survived(network, trained).passed

    with torch.no_grad():
        network.severity.decide.weight.mul_(1.01)
    assert not gate.heads_survived(network, trained).passed
    assert not gate.heads_survived(network, {}).passed


def test_a_released_model_is_served_without_torch_and_tells_its_story(directory):
    asked = (
        "import sys; from pathlib import Path; from models.analyzer import Analyzer; "
        f"a = Analyzer(Path({str(directory)!r}), threads=1); "
        "said = a(['thank you so much, you made my day', 'worst service, so disappointed']); "
        "print([one.sentiment.label for one in said]); "
        "print({'torch', 'transformers', 'models.training'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert said.stdout.splitlines() == ["['positive', 'negative']", "set()"]
    story = load_artifact(directory).story
    assert story["recipe"]["name"] == "tiny"
    assert story["data"].keys() == {"tiny.csv"}
    assert all(line.startswith("ok") for line in story["gate"])
    assert story["version"] in (directory / "README.md").read_text(encoding="utf-8")
    assert (directory / "model.onnx").stat().st_size < 40_000_000


def test_a_model_that_lost_its_weights_on_the_way_is_not_released(run, tmp_path):
    def careless(source, target, texts):
        quantise(source, target, texts)
        graph = onnx.load(target)
        for constant in graph.graph.initializer:
            if constant.name == "w1":
                constant.CopyFrom(numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(constant)), "w1"))
            if constant.name == "sentiment.decide.weight":
                constant.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(constant), constant.name))
        onnx.save(graph, target)

    with pytest.raises(GateError, match=r"not released.*FAIL.*sentiment"):
        release(run, tmp_path / "out" / "model", quantise=careless)

    assert list((tmp_path / "out").iterdir()) == []


def test_a_failed_release_leaves_the_model_that_was_there(run, directory, tmp_path):
    there = tmp_path / "model"
    shutil.copytree(directory, there)

    def useless(source, target, texts):
        raise GateError("no")

    with pytest.raises(GateError):
        release(run, there, quantise=useless)

    assert load_artifact(there).version == load_artifact(directory).version


def test_an_interrupted_run_goes_on_where_it_was(run, tmp_path):
    shutil.copy(run.out / "checkpoint.pt", tmp_path)
    said = []

    again = Trainer(run.recipe, run.corpus, tmp_path, said.append)
    again.run()

    assert json.loads(said[0]) == {"resumed_at": run.step}
    assert all(torch.equal(again.best[name], weight) for name, weight in run.best.items())


def test_a_checkpoint_of_another_recipe_is_refused(run, tmp_path):
    shutil.copy(run.out / "checkpoint.pt", tmp_path)

    with pytest.raises(RecipeError, match="another recipe"):
        Trainer(replace(run.recipe, rank=4), run.corpus, tmp_path, lambda line: None).run()


def test_an_unknown_setting_of_a_recipe_is_named(tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text("epochz = 3\n")

    with pytest.raises(RecipeError, match="epochz"):
        read_recipe(config)


def test_the_same_words_are_in_the_same_part_whatever_their_case_and_spaces():
    parts = split([Example("A b"), Example("a  B"), *(Example(f"text {number}") for number in range(2000))])

    assert sum(len(part) for part in parts.values()) == 2001
    assert 0.07 < len(parts["test"]) / 2001 < 0.13
    assert 0.07 < len(parts["validation"]) / 2001 < 0.13
    assert text_hash("A b") == text_hash("a  B")
    assert part_of("text 5") == part_of("text 5")
    assert [one.text for one in unique([Example("x"), Example("X"), Example("y")])] == ["x", "y"]


def test_batches_hold_every_text_once_and_few_widths():
    lengths = [random.Random(3).randint(2, 128) for _ in range(500)]

    made = list(batches(lengths, 16, random.Random(1)))

    assert sorted(index for indices, _ in made for index in indices) == list(range(500))
    assert all(lengths[index] <= width for indices, width in made for index in indices)


def test_the_rate_rises_then_falls():
    rates = [schedule(step, 100, 0.1) for step in range(100)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == 1.0
    assert rates[-1] < 0.03


def test_limits_of_an_activation_leave_out_its_thin_tails():
    values = np.random.default_rng(1).laplace(size=100_000).astype(np.float32)

    low, high = best_limits(values)

    assert values.min() < low < -5
    assert 5 < high < values.max()


def test_zero_is_represented_exactly():
    scale, zero = scale_and_zero(-1.0, 3.0)

    assert (0 - int(zero)) * scale == pytest.approx(-1.0, abs=float(scale))
    assert (255 - int(zero)) * scale == pytest.approx(3.0, abs=float(scale))
    assert scale_and_zero(0.0, 0.0)[0] > 0


def test_weights_come_back_within_half_a_step():
    weight = np.random.default_rng(2).normal(size=(32, 8)).astype(np.float32)
    weight[:, 3] = 0
    stored, scale = quantised_weight(weight)

    assert stored.dtype == np.int8
    assert np.abs(stored * scale - weight).max() <= scale.max() / 2 + 1e-6


def test_the_temperature_undoes_overconfidence():
    generator = np.random.default_rng(4)
    logits = generator.normal(size=(4000, 3))
    truth = np.array([generator.choice(3, p=np.exp(row) / np.exp(row).sum()) for row in logits])

    assert gate.temperature(truth, logits * 3) == pytest.approx(3, rel=0.15)


def test_the_analyzer_of_a_tiny_model_names_its_version(directory):
    assert Analyzer(directory, threads=1).version.startswith("tiny-")


def test_a_table_without_its_columns_or_with_an_unknown_label_is_one_clear_line(tmp_path):
    path = tmp_path / "mine.csv"

    path.write_text("text,sentiment\nhi,positive\n")
    with pytest.raises(DataError, match=r"mine\.csv.*complaint"):
        table_corpus(path)
    path.write_text("text,sentiment,complaint,severity\nhi,glad,0,0\n")
    with pytest.raises(DataError, match="glad"):
        table_corpus(path)


def test_public_sets_that_are_not_there_are_named(tmp_path):
    with pytest.raises(DataError, match="EARSHOT_SHARED"):
        public_corpus(tmp_path)


def test_no_text_of_a_test_part_is_learnt(tmp_path):
    """On small files in the shape of the public ones."""
    words = [f"word{number} is said" for number in range(300)]
    tweeteval = tmp_path / "tweets" / "tweeteval" / "sentiment"
    tweeteval.mkdir(parents=True)
    for part, texts in (("train", words[:60]), ("val", words[50:70]), ("test", words[70:90])):
        (tweeteval / f"{part}_text.txt").write_text("\n".join(texts) + "\n")
        (tweeteval / f"{part}_labels.txt").write_text("\n".join("1" for _ in texts) + "\n")
    airline = tmp_path / "tweets" / "airline" / "Tweets.csv"
    airline.parent.mkdir()
    rows = [f"{number},neutral,{text.upper()}" for number, text in enumerate(words[65:200])]
    airline.write_text("\n".join(["tweet_id,airline_sentiment,text", *rows, rows[0], "0,negative,conflict"]) + "\n")
    severity = tmp_path / "complaints" / "severity" / "complaint_severity.csv"
    severity.parent.mkdir(parents=True)
    severity.write_text("\n".join(["text,complaint,severity", *(f"{text},1,2" for text in words[150:])]) + "\n")

    corpus = public_corpus(tmp_path)

    held = {text_hash(one.text) for part in (corpus.validation, corpus.test) for ones in part.values() for one in ones}
    learnt = [text_hash(one.text) for one in corpus.train]
    assert len(corpus.train) > 100
    assert not held & set(learnt)
    assert corpus.hashes["tweets/airline/Tweets.csv"]
    assert len(corpus.test["tweeteval"]) == 20
    conflicting = text_hash(words[65])
    assert conflicting not in {text_hash(one.text) for one in corpus.test["airline"] + corpus.validation["airline"]}
