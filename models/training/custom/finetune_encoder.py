"""Finetuning of the whole encoder of a model on a company's history.

The history says nothing of sentiment, and little of calm messages. The model's own earlier answers
are therefore learnt along, so that they stay. The tuned head and a linear one on the embedding
decide together what a text is about.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.analyzer import softmax
from models.artifact import MODEL, TOKENIZER, Artifact
from models.encoder import Encoder, Outputs
from models.taxonomy.classifier import OTHER
from models.training.corpus.data import IGNORED, Corpus, Example, file_hash
from models.training.custom.heads_only import background
from models.training.custom.history import LABELLED, History, LabelledText, parts
from models.training.custom.linear import Linear, graft, learn
from models.training.custom.request import (
    DOUBT,
    WORTH_TUNING,
    TrainingRequest,
    classes,
    figures,
    finish,
    least_probability,
    strangeness,
    truth,
)
from models.training.encoder.batches import predict
from models.training.encoder.network import merged
from models.training.encoder.recipe import Recipe, read_recipe
from models.training.encoder.restore import restore
from models.training.encoder.trainer import Trainer
from models.training.placed import written
from models.training.progress import Log, lines_to, on_layer
from models.training.release import gate, remedies
from models.training.release.export import export
from models.training.release.quantise import quantise
from models.training.release.thresholds import lasting_minimums

CONFIG = Path(__file__).parents[1] / "configs" / "own.toml"
SURE = 0.7  # what the model said before is learned where it was so sure
CALIBRATION_TEXTS = 256
SHARES = (0.0, 0.25, 0.5, 1.0)  # of the linear head's logits
SAME_SENTIMENT = 0.9  # share of texts whose sentiment stays what it was

Print = Callable[[str], None]
Floats = NDArray[np.float32]


def train_tuned(
    request: TrainingRequest,
    start: Artifact,
    folder: Path,
    config: Path | None = None,
    say: Print = print,
) -> dict[str, Any]:
    """Tune `start` to the history, write the model directory `folder/model`, and return its story.

    folder: log and checkpoints; a run that was interrupted goes on from there. config: a recipe;
    configs/own.toml. Raises TrainingError, with one clear line, for what cannot be learnt from and
    for a model that the gate refuses.
    """
    history = request.read()
    for line in history.notes:
        say(line)
    if len(history.texts) < WORTH_TUNING:
        say(
            f"{len(history.texts):,} texts are few:"
            f" below {WORTH_TUNING:,}, --head-only is about as good in seconds"
        )
    names = {task: classes(history, task) for task in LABELLED if history.labels(task)}
    recipe = replace(read_recipe(config or CONFIG), base=str(start.folder.resolve()))
    with written(folder / "model") as model:
        learnt, held_out = parts(history)
        trainer = Tuner(recipe, _corpus(request, start, names, learnt, held_out), folder, say)
        trainer.run()
        checks, heads = _build(
            trainer, model, start, history, names, learnt, held_out, lines_to(say)
        )
        gate.enforce(checks)
        story = _story(request, start, recipe, history, names, model, held_out, checks, heads)
        return finish(model, story, history, request)


class Tuner(Trainer):
    """A run that begins with every weight of a model directory, whose encoder is its base."""

    def _begin(self) -> None:
        earlier = restore(Path(self.recipe.base) / MODEL)
        with torch.no_grad():
            for name, weight in self.trained.items():
                plain = name.removeprefix("base_model.model.")
                known = earlier.get(plain.replace(".modules_to_save.default", ""))
                if known is not None and known.shape == weight.shape:
                    weight.copy_(known)


def _corpus(
    request: TrainingRequest,
    start: Artifact,
    names: Mapping[str, tuple[str, ...]],
    learnt: Sequence[LabelledText],
    held_out: Sequence[LabelledText],
) -> Corpus:
    calm = random.Random(0).sample(  # noqa: S311  no secret
        background(), k=max(20, min(len(background()), len(learnt) // 4))
    )
    texts = [*(complaint.text for complaint in learnt), *calm]
    before = Encoder(start.model, start.tokenizer, max_tokens=start.max_tokens, threads=1)(texts)
    examples = [_example(complaint, names) for complaint in learnt]
    examples += [_example(LabelledText(text, topic=OTHER, problem=OTHER), names) for text in calm]
    return Corpus(
        train=[_as_before(example, before, row, start) for row, example in enumerate(examples)],
        validation={"history": [_example(complaint, names) for complaint in held_out]},
        hashes={request.history.name: file_hash(request.history)},
        topics=names.get("topic", (OTHER,)),
        problems=names.get("problem", (OTHER,)),
    )


def _example(complaint: LabelledText, names: Mapping[str, tuple[str, ...]]) -> Example:
    return Example(
        complaint.text,
        severity=IGNORED if complaint.index is None else round(complaint.index / 25),
        topics=(complaint.topic,) if complaint.topic and "topic" in names else (),
        problems=(complaint.problem,) if complaint.problem and "problem" in names else (),
    )


def _as_before(example: Example, before: Outputs, row: int, start: Artifact) -> Example:
    """The example with the model's sure guesses where the history has no label."""
    guesses: dict[str, Any] = {}
    for task in ("sentiment", "complaint", "severity"):
        shares = softmax(getattr(before, task)[row : row + 1] / start.temperatures[task])[0]
        if shares.max() >= SURE and getattr(example, task) == IGNORED:
            guesses[task] = int(shares.argmax())
    return replace(example, **guesses)


def _build(
    trainer: Tuner,
    folder: Path,
    start: Artifact,
    history: History,
    names: Mapping[str, tuple[str, ...]],
    learnt: Sequence[LabelledText],
    held_out: Sequence[LabelledText],
    log: Log,
) -> tuple[list[gate.Check], dict[str, float]]:
    """Merge, export, quantise and vote: the gate's checks, and the share of each linear head."""
    encoded = trainer.encode(trainer.corpus.validation["history"], longest=start.max_tokens)
    tuned = trainer.tuned()
    trained = {name: weight.detach().clone() for name, weight in tuned.named_parameters()}
    before = predict(tuned, encoded.ids)
    network = merged(tuned)
    _keep_what_is_strange(network, start)
    after = predict(network, encoded.ids)
    checks = [
        gate.heads_survived(network, trained),
        gate.same(
            "merged against trained",
            before,
            {name: after[name] for name in after if name != "strange"},
        ),
    ]
    gate.enforce(checks)
    trainer.tokenizer.save(str(folder / TOKENIZER))
    texts = [complaint.text for complaint in held_out]
    with tempfile.TemporaryDirectory(dir=folder.parent) as spare:
        full, small = Path(spare) / "full.onnx", Path(spare) / "small.onnx"
        log(release="exporting")
        export(network, full)
        calibration = random.Random(trainer.recipe.seed).sample(  # noqa: S311 (no secret)
            trainer.train_set.ids, k=min(CALIBRATION_TEXTS, len(trainer.train_set.ids))
        )
        quantise(full, small, calibration, on_layer(log))
        log(release="measuring")
        exact, served = _read(full, folder, start, texts), _read(small, folder, start, texts)
        checks += gate.compared(
            exact._asdict(),
            served._asdict(),
            trainer.base_embeddings(encoded.ids).float().numpy(),
            {task: encoded.labels[task] for task in _judged(history, names)},
        )
        checks.append(_same_sentiment(start, folder, served, texts))
        shares, linear = _vote(small, folder, start, names, learnt, held_out)
        graft(small, folder / MODEL, linear, beside=True)
    return checks, shares


def _judged(history: History, names: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [*names, *(["severity"] if history.has_index else [])]


def _keep_what_is_strange(network: Any, start: Artifact) -> None:
    """Take over the start's line between messages and other texts.

    The embedding is held to that of the start.
    """
    weights = restore(start.model)
    with torch.no_grad():
        network.strange.weight.copy_(
            weights.get("strange.weight", torch.zeros_like(network.strange.weight))
        )
        network.strange.bias.copy_(
            weights.get("strange.bias", torch.full_like(network.strange.bias, -100.0))
        )


def _read(model: Path, folder: Path, start: Artifact, texts: Sequence[str]) -> Outputs:
    return Encoder(model, folder / TOKENIZER, max_tokens=start.max_tokens, threads=1)(texts)


def _same_sentiment(
    start: Artifact, folder: Path, served: Outputs, texts: Sequence[str]
) -> gate.Check:
    before = _read(start.model, folder, start, texts).sentiment.argmax(-1)
    same = float((before == served.sentiment.argmax(-1)).mean()) if len(texts) else 1.0
    return gate.Check(
        "sentiment as before", same, SAME_SENTIMENT, at_least=True, remedy=remedies.SENTIMENT
    )


def _vote(
    small: Path,
    folder: Path,
    start: Artifact,
    names: Mapping[str, tuple[str, ...]],
    learnt: Sequence[LabelledText],
    held_out: Sequence[LabelledText],
) -> tuple[dict[str, float], dict[str, Linear]]:
    """Linear heads on the tuned embedding, scaled by the share with the best held-out guesses."""
    calm = background()
    outputs = _read(small, folder, start, [*(complaint.text for complaint in learnt), *calm])
    unseen = _read(small, folder, start, [complaint.text for complaint in held_out])
    shares: dict[str, float] = {}
    heads: dict[str, Linear] = {}
    for task in names:
        labels = np.concatenate(
            [truth(learnt, task, names[task]), np.full(len(calm), len(names[task]) - 1)]
        )
        known = labels >= 0
        calm_weight = min(1.0, 0.25 * len(learnt) / len(calm))
        counts = np.where(np.arange(len(labels)) < len(learnt), 1.0, calm_weight)
        head = learn(
            outputs.embedding[known],
            labels[known],
            len(names[task]),
            counts[known].astype(np.float32),
        )
        share = share_of(
            truth(held_out, task, names[task]),
            getattr(unseen, task),
            unseen.embedding @ head.weight + head.bias,
        )
        shares[task] = share
        heads[task] = replace(head, weight=head.weight * share, bias=head.bias * share)
    return shares, heads


def share_of(labels: NDArray[np.int64], tuned: Floats, linear: Floats) -> float:
    """The one of SHARES with the most right answers; of equals, that with the likeliest labels.

    Few texts make equals. labels: (texts,) class numbers, -1 for none. tuned, linear: (texts,
    classes) logits.
    """
    known = labels >= 0
    if not known.any():
        return max(SHARES)  # of so few texts the linear head knows more

    def good(share: float) -> tuple[int, float]:
        truth, logits = labels[known], (tuned + share * linear)[known]
        loss = gate.likelihood_loss(truth, logits, gate.temperature(truth, logits, DOUBT))
        return int((logits.argmax(-1) == truth).sum()), -loss

    return max(SHARES, key=good)


def _story(
    request: TrainingRequest,
    start: Artifact,
    recipe: Recipe,
    history: History,
    names: Mapping[str, tuple[str, ...]],
    folder: Path,
    held_out: Sequence[LabelledText],
    checks: Sequence[gate.Check],
    shares: Mapping[str, float],
) -> dict[str, Any]:
    outputs = _read(folder / MODEL, folder, start, [complaint.text for complaint in held_out])
    temperatures = dict(start.temperatures)
    thresholds: dict[str, float] = {}
    validation: dict[str, Any] = {}
    for task in names:
        labels = truth(held_out, task, names[task])
        known = labels >= 0
        logits = getattr(outputs, task)
        temperatures[task] = (
            gate.temperature(labels[known], logits[known], DOUBT) if known.any() else 1.0
        )
        calm = logits / np.float32(temperatures[task])
        thresholds[task] = least_probability(
            labels[known], calm[known], start.least_probability.get(task, 0.0)
        )
        validation[f"history.{task}"] = figures(held_out, task, names[task], calm)
    if history.has_index:
        temperatures["severity"] = 1.0
        validation["history.severity"] = figures(held_out, "severity", (), outputs.severity)
    settings = {
        key: value
        for key, value in vars(recipe).items()
        if key not in ("base", "layers", "threads")
    }
    return {
        **start.story,
        "labels": {**start.story["labels"], **names},
        "temperatures": temperatures,
        "least_probability": {**lasting_minimums(start.least_probability, names), **thresholds},
        **strangeness(start, outputs),
        "recipe": {**start.story["recipe"], **settings},
        "linear_share": dict(shares),
        "way": f"its encoder was tuned with LoRA, {recipe.epochs} epochs",
        "started_from": start.version,
        "data": {request.history.name: file_hash(request.history)},
        "texts": {"history": len(history.texts), "held out": len(held_out)},
        "gate": [str(check) for check in checks],
        "understood": {},  # the start's figures are not this one's
        "validation": validation,
    }
