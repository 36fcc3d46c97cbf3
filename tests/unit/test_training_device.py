"""Training on another device than the CPU's, as far as that shows without one."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import replace

import pytest
import torch
from other_device import DEVICE, OtherDevice

from models.training.corpus.unlabelled import Unlabelled
from models.training.encoder import batches, masked, precision, trainer
from models.training.encoder.masked import MaskedTraining
from models.training.encoder.masked_recipe import MaskedRecipe
from models.training.encoder.precision import DeviceError, device_of
from models.training.encoder.trainer import Trainer
from models.training.triage import fitted_heads, tune
from models.training.triage.labelled import labelled
from models.training.triage.recipe import TriageRecipe
from models.training.triage.release import start_of
from models.training.triage.tune import Tuning

MESSAGES = [
    *(labelled(f"smoke comes out of router {number}", "P1", ["danger"]) for number in range(8)),
    *(labelled(f"how do I order number {number}", "P4", ["question"]) for number in range(8)),
]
TUNING = TriageRecipe(epochs=1, threads=1, frozen=1, batch=4, rehearsed=2, groups=1, felt=2)


@pytest.fixture
def elsewhere(monkeypatch):
    """Every run computes on the other device; a tensor left on the CPU is an error."""
    for module in (trainer, tune, masked):
        monkeypatch.setattr(module, "device_of", lambda name: DEVICE)
    for module in (trainer, tune, masked, batches, fitted_heads):
        monkeypatch.setattr(module, "mixed", lambda *_, **__: contextlib.nullcontext())
    # Tensors of inference mode take no wrapper.
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)
    with OtherDevice():
        yield


def test_a_gpu_that_is_not_there_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(DeviceError, match=r'^device = "cuda", but torch finds no GPU here: .*$'):
        device_of("cuda")
    assert device_of("auto") == device_of("cpu") == precision.CPU


def test_a_gpu_is_taken_unless_the_recipe_wants_the_processor(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    assert device_of("auto").type == device_of("cuda").type == "cuda"
    assert device_of("cpu").type == "cpu"


def test_a_processor_s_bfloat16_says_nothing_of_another_device(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    has_bfloat16 = precision.has_bfloat16.__wrapped__  # what it says is kept for the process

    assert has_bfloat16("cpu")
    assert not has_bfloat16(DEVICE.type)


def test_no_tensor_of_a_run_is_left_behind_on_the_cpu(tiny_model, tmp_path, elsewhere):
    first = tiny_model.trainer
    recipe = replace(
        first.recipe,
        epochs=1,
        rewordings=0.3,
        same_weight=1.0,
        index_weight=1.0,
        checkpoint_every=2,
        minutes=1000.0,
    )
    run = Trainer(recipe, first.corpus, tmp_path, lambda _: None)

    run.run()
    again = Trainer(recipe, first.corpus, tmp_path, lambda _: None)
    again.run()

    assert {weight.device.type for weight in run.model.parameters()} == {DEVICE.type}
    assert all(weight.isfinite().all() for weight in run.best.values())
    assert {weight.device.type for weight in run.tuned().parameters()} == {"cpu"}
    assert again.step == run.step > 0
    assert all(torch.equal(again.best[name], weight) for name, weight in run.best.items())


def test_no_tensor_of_a_tuning_is_left_behind_on_the_cpu(tiny_model, elsewhere):
    start = start_of(replace(TUNING, start=str(tiny_model.folder)))
    before = copy.deepcopy(start.network.state_dict())
    texts = ["the bag is lost", "hello there", "nobody answers me"]
    tuning = Tuning(
        replace(TUNING, named_weight=1.0),
        start.network,
        start.tokenizer,
        MESSAGES,
        texts * 4,
        [["a bag is gone", "my bag is lost"]],
        [("lovely", 2)] * 4,
    )

    tuning.run(lambda **_: None)
    fitted_heads.fit_heads(start.network, tiny_model.trainer.corpus, tuning.ids, 0)
    after = start.network.cpu().state_dict()

    assert not torch.equal(after["level.decide.weight"], before["level.decide.weight"])
    assert not torch.equal(after["complaint.decide.weight"], before["complaint.decide.weight"])


def test_a_run_whose_minutes_are_over_learns_no_more_when_it_is_called_again(tiny_model, tmp_path):
    first = tiny_model.trainer
    recipe = replace(first.recipe, epochs=2, minutes=1e-6)
    run = Trainer(recipe, first.corpus, tmp_path, lambda _: None)

    run.run()
    again = Trainer(recipe, first.corpus, tmp_path, lambda _: None)
    again.run()

    assert again.step == run.step == 1
    assert all(torch.equal(again.best[name], weight) for name, weight in run.best.items())


# The stand-in says that it is torch's "meta", which has no values to copy to; it has.
@pytest.mark.filterwarnings("ignore:for .*copying from a non-meta parameter:UserWarning")
def test_no_tensor_of_masked_training_is_left_behind_on_the_cpu(tmp_path, elsewhere):
    texts = Unlabelled([message.text for message in MESSAGES], ["my bag is lost again"])
    recipe = MaskedRecipe(layers=1, batch=8, embedding_every=1, threads=1)
    run = MaskedTraining(recipe, texts, tmp_path, lambda _: None)

    figures = run.run()
    again = MaskedTraining(recipe, texts, tmp_path, lambda _: None)

    assert figures["steps"] == again.run()["steps"] == 2
    assert {weight.device.type for weight in again.weights.parameters()} == {DEVICE.type}
