"""The recipe and the gate, on a tiny recipe that is written for the project."""

import json
import random
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from models.analyzer import Analyzer
from models.artifact import load_artifact
from models.encoder import Encoder
from models.evaluation.typos import misprinted
from models.training.corpus.data import Example
from models.training.encoder import out_of_distribution as strange
from models.training.encoder.batches import batches, encode, predict
from models.training.encoder.losses import allowed_entropy
from models.training.encoder.network import merged
from models.training.encoder.paraphrase import reworded
from models.training.encoder.recipe import read_recipe
from models.training.encoder.restore import restore
from models.training.encoder.trainer import Trainer, schedule, tells
from models.training.lab.report.read import read_run
from models.training.recipes import RecipeError
from models.training.release import gate, thresholds
from models.training.release.gate import GateError
from models.training.release.quantise import best_limits, quantise, quantised_weight, scale_and_zero
from models.training.release.refit_heads import refit
from models.training.release.release import release


@pytest.fixture(scope="module")
def run(tiny_model):
    return tiny_model.trainer


@pytest.fixture(scope="module")
def directory(tiny_model):
    return tiny_model.folder


def test_the_tiny_recipe_learns(run, tiny_model):
    looks = [line for line in tiny_model.looks if "epoch" in line]

    assert looks[-1]["epoch"] == run.recipe.epochs
    assert run.best_score == max(look["score"] for look in looks) > 0.6
    assert looks[-1]["table.embedding"] > 0.9


def test_a_release_says_how_far_it_is(tiny_model):
    stages = [line["release"] for line in tiny_model.looks if "release" in line]
    layers = [line for line in tiny_model.looks if line.get("release") == "quantising"]

    assert stages == ["exporting", *["quantising"] * len(layers), "measuring"]
    assert layers[-1]["done"] == layers[-1]["layers"]


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
    assert sum(story["mix"]["sentiment"].values()) <= story["texts"]["train"]
    assert all(line.startswith("ok") for line in story["gate"])
    assert story["version"] in (directory / "README.md").read_text(encoding="utf-8")
    assert (directory / "model.onnx").stat().st_size < 40_000_000


@pytest.mark.usefixtures("few_strange_texts")
def test_a_model_that_lost_its_weights_on_the_way_is_not_released(run, tmp_path):
    def careless(source, target, texts, on_progress):
        quantise(source, target, texts)
        graph = onnx.load(target)
        for constant in graph.graph.initializer:
            if constant.name == "w1":
                constant.CopyFrom(
                    numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(constant)), "w1")
                )
            if constant.name == "sentiment.decide.weight":
                constant.CopyFrom(
                    numpy_helper.from_array(-numpy_helper.to_array(constant), constant.name)
                )
        onnx.save(graph, target)

    with pytest.raises(GateError, match=r"not released.*FAIL.*sentiment"):
        release(run, tmp_path / "out" / "model", quantise=careless)

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("few_strange_texts")
def test_a_failed_release_leaves_the_model_that_was_there(run, directory, tmp_path):
    there = tmp_path / "model"
    shutil.copytree(directory, there)

    def useless(source, target, texts, on_progress):
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


def test_a_run_can_go_on_from_a_released_model(run, directory, tmp_path):
    recipe = replace(run.recipe, start=str(directory), of_start=0.0)
    further = Trainer(recipe, run.corpus, tmp_path, lambda _: None)
    further.best = further.average
    texts = run.encode([one for part in run.corpus.validation.values() for one in part])

    first, released = (predict(one.tuned(), texts.ids) for one in (further, run))

    for task in ("sentiment", "complaint", "severity"):
        assert np.abs(first[task] - released[task]).mean() < 0.1 * np.abs(released[task]).mean()
    assert (first["embedding"] * released["embedding"]).sum(-1).mean() > 0.99


def test_a_run_ends_at_its_time(run, tmp_path):
    short = Trainer(replace(run.recipe, minutes=1e-6), run.corpus, tmp_path, lambda _: None)
    short.run()

    assert short.step == 1
    assert short.best_score > 0


def test_a_text_in_other_words_keeps_what_has_none():
    chance = random.Random(3)

    assert reworded("nobody told me", chance, share=1.0) != "nobody told me"
    assert reworded("the wheel squeaks", chance, share=1.0) == "the wheel squeaks"


def test_plain_and_easy_texts_take_turns(run, tmp_path):
    recipe = replace(run.recipe, plain=3, epochs=3)
    trainer = Trainer(recipe, run.corpus, tmp_path, lambda _: None)
    plain = {row for row, one in enumerate(trainer.examples) if tells(one) == {"sentiment"}}

    epochs = [{row for rows, _ in trainer._batches(epoch) for row in rows} for epoch in range(3)]

    assert set.union(*epochs) == set(range(len(trainer.examples)))
    assert sum(len(plain & rows) for rows in epochs) == len(plain)


def test_a_checkpoint_of_another_recipe_is_refused(run, tmp_path):
    shutil.copy(run.out / "checkpoint.pt", tmp_path)

    with pytest.raises(RecipeError, match="another recipe"):
        Trainer(replace(run.recipe, rank=4), run.corpus, tmp_path, lambda line: None).run()


def test_an_unknown_setting_of_a_recipe_is_named(tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text("epochz = 3\n")

    with pytest.raises(RecipeError, match="epochz"):
        read_recipe(config)


def test_batches_hold_every_text_once_and_few_widths():
    lengths = [random.Random(3).randint(2, 128) for _ in range(500)]

    made = list(batches(lengths, 16, random.Random(1)))

    assert sorted(index for indices, _ in made for index in indices) == list(range(500))
    assert all(lengths[index] <= width for indices, width in made for index in indices)


def test_the_rate_rises_then_falls():
    rates = [schedule(step / 100, 0.1) for step in range(100)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == 1.0
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


def test_a_label_that_allows_several_classes_is_content_with_any_of_them():
    allowed = torch.tensor([[True, True, False]])
    weight = torch.ones(3)

    either = allowed_entropy(torch.tensor([[9.0, 0.0, 0.0]]), allowed, weight)
    other = allowed_entropy(torch.tensor([[0.0, 9.0, 0.0]]), allowed, weight)
    wrong = allowed_entropy(torch.tensor([[0.0, 0.0, 9.0]]), allowed, weight)

    assert either == pytest.approx(other)
    assert either < 0.01 < 8 < wrong


def test_a_misprint_changes_a_letter_and_leaves_the_first_one():
    chance = random.Random(4)
    words = [misprinted("internet", chance, share=1.0) for _ in range(200)]

    assert len(set(words)) > 20
    assert all(word[0] == "i" and 7 <= len(word) <= 9 for word in words)
    assert misprinted("a bag is not in", chance, share=1.0) == "a bag is not in"


def test_the_cause_is_marked_token_by_token(run):
    encoded = encode(
        run.tokenizer,
        [Example("my line is DOWN again today", cause="line is down"), Example("hello")],
        topics=("other",),
        problems=("other",),
    )

    assert encoded.causes == [[0, 0, 1, 1, 1, 0, 0, 0], None]


def test_thresholds_are_those_with_the_most_right_answers():
    logits = np.log(np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]], dtype=np.float32))

    assert 0.59 < thresholds.least_topic(np.array([0, 0, 1, 1]), logits) <= 0.8
    assert thresholds.least_topic(np.array([0, 0, 0, 0]), logits) <= 0.55
    assert thresholds.of_one_topic({"a": "x", "b": "y", "c": "x"}) == [[0, 2], [1], [0, 2]]


def test_what_is_no_message_is_told_from_messages():
    places = np.random.default_rng(2).normal(size=(400, 8)).astype(np.float32)
    places[:200, 0] += 4

    weight, bias = strange.line(places[200:], places[:200])

    assert ((places @ weight + bias > 0) == (np.arange(400) < 200)).mean() > 0.95
    assert strange.threshold([np.arange(1000, dtype=np.float32)]) == pytest.approx(997, abs=1)
    texts = strange.strange_texts(1)
    assert texts == strange.strange_texts(1)
    assert len(texts) > 2500


@pytest.fixture(scope="module")
def refitted(run, directory, tmp_path_factory):
    """The tiny model with its heads taught again."""
    recipe = replace(
        run.recipe,
        start=str(directory),
        heads_only=True,
        misprints=0.4,
        same_weight=1.0,
        index_weight=1.0,
        longest=136,
        soup=2,
    )
    out = tmp_path_factory.mktemp("refit")
    story = refit(recipe, run.corpus, out, lambda _: None)
    return story, out / "model"


def test_heads_taught_again_leave_the_rest_as_it_was_bit_for_bit(run, directory, refitted):
    texts = [one.text for one in run.corpus.train[:20]]
    before, after = (
        Encoder(model / "model.onnx", model / "tokenizer.json", max_tokens=128, threads=1)(texts)
        for model in (directory, refitted[1])
    )

    for name in ("sentiment", "complaint", "embedding", "cause", "strange"):
        assert np.array_equal(getattr(before, name), getattr(after, name))
    assert not np.array_equal(before.severity, after.severity)


def test_heads_taught_again_are_a_release_of_their_own(directory, refitted):
    story, folder = refitted
    before = load_artifact(directory)

    served = Analyzer(folder, threads=1)

    assert served.version == story["version"] != before.version
    assert all(line.startswith("ok") for line in story["gate"])
    assert {line for line in before.story["gate"] if "sentiment" in line} <= set(story["gate"])
    assert "heads" in (folder / "README.md").read_text(encoding="utf-8")


def test_heads_taught_again_tell_the_loss_of_each_epoch(run, refitted):
    looks = read_run(refitted[1].parent).looks

    assert [step for step, _ in looks["loss, severity"]] == list(
        range(1, 2 * run.recipe.epochs + 1)
    )


def test_heads_taught_again_are_the_mean_of_their_runs(run, directory, refitted, tmp_path):
    recipe = replace(run.recipe, start=str(directory), heads_only=True, misprints=0.0)
    apart = []
    for seed in (recipe.seed, recipe.seed + 1):
        out = tmp_path / str(seed)
        refit(replace(recipe, seed=seed), run.corpus, out, lambda _: None)
        apart.append(restore(out / "model" / "model.onnx"))
    refit(replace(recipe, soup=2), run.corpus, tmp_path / "soup", lambda _: None)
    together = restore(tmp_path / "soup" / "model" / "model.onnx")

    for name in ("severity.mix.weight", "severity.decide.bias"):
        assert not torch.equal(apart[0][name], apart[1][name])
        assert torch.allclose(together[name], (apart[0][name] + apart[1][name]) / 2, atol=1e-6)


def test_heads_taught_again_may_read_more_of_a_long_text(directory, refitted):
    story, folder = refitted
    start = " ".join(["the box is broken again"] * 26)  # 130 words of one token each
    texts = [start, f"{start} and nobody helps"]

    before, after = (Analyzer(model, threads=1).sentiments(texts) for model in (directory, folder))

    assert story["max_tokens"] == 136
    assert np.array_equal(before[0], before[1])  # cut before they differ
    assert not np.array_equal(after[0], after[1])


def test_heads_are_taught_on_what_is_a_model_of_the_same_topics(run, directory, tmp_path):
    recipe = replace(run.recipe, start=str(directory), heads_only=True)

    with pytest.raises(RecipeError, match="not those of the taxonomy"):
        refit(recipe, replace(run.corpus, topics=("parking", "other")), tmp_path, lambda _: None)
