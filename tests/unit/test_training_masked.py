"""Masked-language training: what is hidden, what is learned, and how a run goes on."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.training import recipes
from models.training.corpus import unlabelled
from models.training.corpus.data import Corpus, DataError, Example, part_of
from models.training.corpus.unlabelled import Unlabelled, own_texts, public_unlabelled
from models.training.encoder.base import load_base
from models.training.encoder.batches import tensors
from models.training.encoder.masked import MaskedTraining
from models.training.encoder.masked_recipe import read_masked_recipe
from models.training.recipes import RecipeError

CONFIG = Path(recipes.__file__).with_name("configs") / "masked_tiny.toml"
TABLE = CONFIG.with_name("tiny.csv")
CHECKPOINT = 4  # steps


@pytest.fixture(scope="module")
def texts():
    return own_texts([TABLE], 20)


@pytest.fixture(scope="module")
def recipe():
    return replace(read_masked_recipe(CONFIG), layers=1, checkpoint_every=CHECKPOINT)


@pytest.fixture(scope="module")
def run(recipe, texts, tmp_path_factory):
    """A whole run, and the lines that it told."""
    lines: list[str] = []
    training = MaskedTraining(recipe, texts, tmp_path_factory.mktemp("masked"), lines.append)
    training.run()
    return training, [json.loads(line) for line in lines]


def test_held_out_texts_are_guessed_better(run):
    losses = [line["dev_loss"] for line in run[1] if "dev_loss" in line]

    assert losses[-1] < losses[0] - 1
    assert run[0].best_loss == pytest.approx(min(losses), abs=1e-4)


def test_an_interrupted_run_goes_on_to_the_same_bytes(run, recipe, texts, tmp_path):
    def interrupt(line):
        if json.loads(line).get("step", 0) > CHECKPOINT:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        MaskedTraining(recipe, texts, tmp_path, interrupt).run()
    said: list[str] = []
    again = MaskedTraining(recipe, texts, tmp_path, said.append)
    again.run()

    assert json.loads(said[0]) == {"resumed_at": CHECKPOINT}
    whole, resumed = run[0].weights.state_dict(), again.weights.state_dict()
    assert all(torch.equal(resumed[name], weight) for name, weight in whole.items())
    names = ("model.safetensors", "tokenizer.json")
    assert all(
        (run[0].out / "model" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()
        for name in names
    )


def test_the_result_is_a_base_of_the_encoder_s_recipe(run):
    encoder, tokenizer = load_base(str(run[0].out / "model"))

    own = run[0].encoder.state_dict()
    assert all(torch.equal(weight, own[name]) for name, weight in encoder.state_dict().items())
    sentence = "my bag is lost, again"
    assert tokenizer.encode(sentence).ids == run[0].tokenizer.encode(sentence).ids


def test_fifteen_of_a_hundred_words_are_hidden_eight_of_ten_by_a_mask(run):
    training = run[0]
    words = [101, *range(2000, 2060), 102]
    ids, mask = tensors([words] * 200, 64)

    read, places = training._hidden_words(ids, mask, 3)

    hidden = read.flatten()[places]
    whole = ids.flatten()[places]
    assert len(places) / (200 * 60) == pytest.approx(0.15, abs=0.01)
    assert ((whole >= 2000) & (whole < 2060)).all()  # no mark of an end, nothing beyond it
    assert (hidden == 103).float().mean() == pytest.approx(0.8, abs=0.03)
    assert (hidden == whole).float().mean() == pytest.approx(0.1, abs=0.03)
    assert (read != ids).sum() == (hidden != whole).sum()
    assert not torch.equal(training._hidden_words(ids, mask, 4)[1], places)


def test_a_run_ends_at_its_time(recipe, texts, tmp_path):
    figures = MaskedTraining(replace(recipe, minutes=1e-6), texts, tmp_path, lambda _: None).run()

    assert figures["steps"] == 1
    with pytest.raises(RecipeError, match="another recipe"):
        MaskedTraining(
            replace(recipe, masked=0.3, checkpoint_every=9), texts, tmp_path, lambda _: None
        ).run()


def test_a_run_does_not_go_on_with_other_texts(run, recipe, texts):
    fewer = Unlabelled(texts.learned[:-1], texts.held_out)
    moved = Unlabelled(texts.learned[:-1], [texts.learned[-1], *texts.held_out])

    for other in (fewer, moved):
        with pytest.raises(RecipeError, match="another recipe or other texts; choose another"):
            MaskedTraining(recipe, other, run[0].out, lambda _: None).run()


@pytest.mark.parametrize("kept", [-9, 40])
def test_a_packed_file_that_was_cut_short_is_one_line(kept, tmp_path):
    path = tmp_path / "texts.txt.gz"
    path.write_bytes(gzip.compress(b"my bag is lost\n" * 2000)[:kept])

    with pytest.raises(DataError, match=rf"^{path}: it cannot be read \(.+\)$"):
        own_texts([path], 5)


def test_a_packed_file_that_is_damaged_is_one_line(tmp_path):
    path = tmp_path / "texts.txt.gz"
    path.write_bytes(gzip.compress(b"my bag is lost\n")[:10] + b"\xff" * 40)

    with pytest.raises(DataError, match=rf"^{path}: it cannot be read \(.+\)$"):
        own_texts([path], 5)


def test_texts_that_something_is_measured_with_are_not_learned(texts, monkeypatch, tmp_path):
    plain = [*texts.learned, *texts.held_out]
    measured = plain[::2]
    corpus = Corpus(
        train=[Example(text) for text in plain],
        validation={"table": [Example(text) for text in measured]},
    )
    kept = "the lift of my shop hangs between two floors"
    tmp_path.joinpath("some_kept.csv").write_text(f"text\n{kept}\n", encoding="utf-8")
    monkeypatch.setattr(unlabelled, "OWN", tmp_path)
    monkeypatch.setattr(unlabelled, "public_corpus", lambda data: corpus)
    monkeypatch.setattr(unlabelled, "public_texts", lambda data: iter([kept, *plain]))

    public = public_unlabelled(tmp_path, 20)

    both = {*public.learned, *public.held_out}
    assert both == {*plain[1::2]}
    assert all(part_of(text) == "train" for text in public.learned)
    assert all(part_of(text) == "validation" for text in public.held_out)
