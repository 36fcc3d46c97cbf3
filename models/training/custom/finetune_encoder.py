"""`earshot train complaints`: the encoder itself is tuned to a company's own history, from a model
that is there.

The history says nothing of sentiment, and little of calm messages: what the model said of its texts
before is learned along, so that it goes on to say it. The tuned head and a linear one on the
embedding decide together what a text is about.
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
from models.training.custom.history import LABELLED, History, Told, parts
from models.training.custom.linear import Linear, graft, learn
from models.training.custom.request import (
    DOUBT,
    WORTH_TUNING,
    Asked,
    classes,
    figures,
    finish,
    least_probability,
    strangeness,
    truth,
    written,
)
from models.training.encoder.batches import predict
from models.training.encoder.network import merged
from models.training.encoder.recipe import Recipe, read_recipe
from models.training.encoder.restore import thaw
from models.training.encoder.trainer import Trainer
from models.training.release import gate
from models.training.release.export import export
from models.training.release.quantise import quantise

CONFIG = Path(__file__).parents[1] / "configs" / "own.toml"
SURE = 0.7  # what the model said before is learned where it was so sure
CALIBRATION_TEXTS = 256
SHARES = (0.0, 0.25, 0.5, 1.0)  # of the linear head's logits
SAME_SENTIMENT = 0.9  # share of texts whose sentiment stays what it was

Print = Callable[[str], None]
Floats = NDArray[np.float32]


def train_tuned(
    asked: Asked, start: Artifact, folder: Path, config: Path | None = None, say: Print = print
) -> dict[str, Any]:
    """Tune `start` to the history, write the model directory `folder/model`, and return its story.

    folder: log and checkpoints; a run that was interrupted goes on from there. config: a recipe;
    configs/own.toml. Raises TrainingError, with one clear line, for what cannot be learnt from and
    for a model that the gate refuses.
    """
    history = asked.read()
    for line in history.said:
        say(line)
    if len(history.told) < WORTH_TUNING:
        say(
            f"{len(history.told):,} texts are few: below {WORTH_TUNING:,}, --head-only is about as good in seconds"
        )
    names = {task: classes(history, task) for task in LABELLED if history.labels(task)}
    recipe = replace(read_recipe(config or CONFIG), base=str(start.folder.resolve()))
    with written(folder / "model") as made:
        learnt, held = parts(history)
        trainer = Tuner(recipe, _corpus(asked, start, names, learnt, held), folder, say)
        trainer.run()
        checks, heads = _build(trainer, made, start, history, names, learnt, held)
        gate.enforce(checks)
        return finish(
            made,
            _story(asked, start, recipe, history, names, made, held, checks, heads),
            history,
            asked,
        )


class Tuner(Trainer):
    """A run that begins with every weight of a model directory; its base is that model's encoder."""

    def _begin(self) -> None:
        earlier = thaw(Path(self.recipe.base) / MODEL)
        with torch.no_grad():
            for name, weight in self.trained.items():
                known = earlier.get(
                    name.removeprefix("base_model.model.").replace(".modules_to_save.default", "")
                )
                if known is not None and known.shape == weight.shape:
                    weight.copy_(known)


def _corpus(
    asked: Asked,
    start: Artifact,
    names: Mapping[str, tuple[str, ...]],
    learnt: Sequence[Told],
    held: Sequence[Told],
) -> Corpus:
    calm = random.Random(0).sample(  # noqa: S311  no secret
        background(), k=max(20, min(len(background()), len(learnt) // 4))
    )
    texts = [*(one.text for one in learnt), *calm]
    before = Encoder(start.model, start.tokenizer, max_tokens=start.max_tokens, threads=1)(texts)
    examples = [_example(one, names) for one in learnt]
    examples += [_example(Told(text, topic=OTHER, problem=OTHER), names) for text in calm]
    return Corpus(
        train=[_as_before(one, before, row, start) for row, one in enumerate(examples)],
        validation={"history": [_example(one, names) for one in held]},
        hashes={asked.history.name: file_hash(asked.history)},
        topics=names.get("topic", (OTHER,)),
        problems=names.get("problem", (OTHER,)),
    )


def _example(one: Told, names: Mapping[str, tuple[str, ...]]) -> Example:
    return Example(
        one.text,
        severity=IGNORED if one.index is None else round(one.index / 25),
        topics=(one.topic,) if one.topic and "topic" in names else (),
        problems=(one.problem,) if one.problem and "problem" in names else (),
    )


def _as_before(one: Example, before: Outputs, row: int, start: Artifact) -> Example:
    """The example with what the model said of it, where it was sure and the history says nothing."""
    said: dict[str, Any] = {}
    for task in ("sentiment", "complaint", "severity"):
        shares = softmax(getattr(before, task)[row : row + 1] / start.temperatures[task])[0]
        if shares.max() >= SURE and getattr(one, task) == IGNORED:
            said[task] = int(shares.argmax())
    return replace(one, **said)


def _build(
    trainer: Tuner,
    made: Path,
    start: Artifact,
    history: History,
    names: Mapping[str, tuple[str, ...]],
    learnt: Sequence[Told],
    held: Sequence[Told],
) -> tuple[list[gate.Check], dict[str, float]]:
    """Merge, export, quantise and vote; the checks of the gate, and the share of each linear head."""
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
    trainer.tokenizer.save(str(made / TOKENIZER))
    texts = [one.text for one in held]
    with tempfile.TemporaryDirectory(dir=made.parent) as spare:
        full, small = Path(spare) / "full.onnx", Path(spare) / "small.onnx"
        export(network, full)
        chosen = random.Random(trainer.recipe.seed).sample(  # noqa: S311 (no secret)
            trainer.train_set.ids, k=min(CALIBRATION_TEXTS, len(trainer.train_set.ids))
        )
        quantise(full, small, chosen)
        exact, served = _read(full, made, start, texts), _read(small, made, start, texts)
        checks += gate.kept(
            exact._asdict(),
            served._asdict(),
            trainer.base_embeddings(encoded.ids).float().numpy(),
            {task: encoded.labels[task] for task in _judged(history, names)},
        )
        checks.append(_same_sentiment(start, made, served, texts))
        shares, linear = _vote(small, made, start, names, learnt, held)
        graft(small, made / MODEL, linear, beside=True)
    return checks, shares


def _judged(history: History, names: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [*names, *(["severity"] if history.has_index else [])]


def _keep_what_is_strange(network: Any, start: Artifact) -> None:
    """The line between messages and what is none is the one of the start, whose embedding this one
    is held to.
    """
    weights = thaw(start.model)
    with torch.no_grad():
        network.strange.weight.copy_(
            weights.get("strange.weight", torch.zeros_like(network.strange.weight))
        )
        network.strange.bias.copy_(
            weights.get("strange.bias", torch.full_like(network.strange.bias, -100.0))
        )


def _read(model: Path, made: Path, start: Artifact, texts: Sequence[str]) -> Outputs:
    return Encoder(model, made / TOKENIZER, max_tokens=start.max_tokens, threads=1)(texts)


def _same_sentiment(
    start: Artifact, made: Path, served: Outputs, texts: Sequence[str]
) -> gate.Check:
    before = _read(start.model, made, start, texts).sentiment.argmax(-1)
    same = float((before == served.sentiment.argmax(-1)).mean()) if len(texts) else 1.0
    return gate.Check("sentiment as before", same, SAME_SENTIMENT, least=True)


def _vote(
    small: Path,
    made: Path,
    start: Artifact,
    names: Mapping[str, tuple[str, ...]],
    learnt: Sequence[Told],
    held: Sequence[Told],
) -> tuple[dict[str, float], dict[str, Linear]]:
    """Linear heads on the tuned embedding, scaled by the share that guesses the texts held out
    best.
    """
    calm = background()
    outputs = _read(small, made, start, [*(one.text for one in learnt), *calm])
    unseen = _read(small, made, start, [one.text for one in held])
    shares: dict[str, float] = {}
    heads: dict[str, Linear] = {}
    for task in names:
        labels = np.concatenate(
            [truth(learnt, task, names[task]), np.full(len(calm), len(names[task]) - 1)]
        )
        known = labels >= 0
        counts = np.where(
            np.arange(len(labels)) < len(learnt), 1.0, min(1.0, 0.25 * len(learnt) / len(calm))
        )
        head = learn(
            outputs.embedding[known],
            labels[known],
            len(names[task]),
            counts[known].astype(np.float32),
        )
        share = share_of(
            truth(held, task, names[task]),
            getattr(unseen, task),
            unseen.embedding @ head.weight + head.bias,
        )
        shares[task], heads[task] = (
            share,
            replace(head, weight=head.weight * share, bias=head.bias * share),
        )
    return shares, heads


def share_of(told: NDArray[np.int64], tuned: Floats, linear: Floats) -> float:
    """Of SHARES the one with the most right answers; of equals, as few texts make them, that with
    the likeliest labels.

    told: (texts,) class numbers, -1 for none. tuned, linear: (texts, classes) logits.
    """
    known = told >= 0
    if not known.any():
        return max(
            SHARES
        )  # nothing was held out: a history so small is better told by the linear head

    def good(share: float) -> tuple[int, float]:
        truth, logits = told[known], (tuned + share * linear)[known]
        loss = gate.likelihood_loss(truth, logits, gate.temperature(truth, logits, DOUBT))
        return int((logits.argmax(-1) == truth).sum()), -loss

    return max(SHARES, key=good)


def _story(
    asked: Asked,
    start: Artifact,
    recipe: Recipe,
    history: History,
    names: Mapping[str, tuple[str, ...]],
    made: Path,
    held: Sequence[Told],
    checks: Sequence[gate.Check],
    shares: Mapping[str, float],
) -> dict[str, Any]:
    outputs = _read(made / MODEL, made, start, [one.text for one in held])
    temperatures, least, found = dict(start.temperatures), {}, {}
    for task in names:
        labels = truth(held, task, names[task])
        known = labels >= 0
        logits = getattr(outputs, task)
        temperatures[task] = (
            gate.temperature(labels[known], logits[known], DOUBT) if known.any() else 1.0
        )
        calm = logits / np.float32(temperatures[task])
        least[task] = least_probability(
            labels[known], calm[known], start.least_probability.get(task, 0.0)
        )
        found[f"history.{task}"] = figures(held, task, names[task], calm)
    if history.has_index:
        temperatures["severity"] = 1.0
        found["history.severity"] = figures(held, "severity", (), outputs.severity)
    kept = {
        key: value
        for key, value in vars(recipe).items()
        if key not in ("base", "layers", "threads")
    }
    return {
        **start.story,
        "labels": {**start.story["labels"], **names},
        "temperatures": temperatures,
        "least_probability": least,
        **strangeness(start, outputs),
        "recipe": {**start.story["recipe"], **kept},
        "linear_share": dict(shares),
        "way": f"its encoder was tuned with LoRA, {recipe.epochs} epochs",
        "started_from": start.version,
        "data": {asked.history.name: file_hash(asked.history)},
        "texts": {"history": len(history.told), "held out": len(held)},
        "gate": [str(check) for check in checks],
        "understood": {},  # the start's figures are not this one's
        "validation": found,
    }
