"""Release of a run as a model directory: merge, export, quantise, gate, story and card."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from models.analyzer import LABELS, Analyzer, softmax
from models.artifact import CARD, FORMAT, MODEL, STORY, TOKENIZER, load_artifact, sha256
from models.encoder import Encoder
from models.taxonomy.classifier import read_taxonomy
from models.text import READING, normalize
from models.training.corpus.data import Corpus, Example, file_hash
from models.training.embed_examples import with_places
from models.training.encoder import out_of_distribution as strange
from models.training.encoder.base import base_in_story
from models.training.encoder.batches import TASKS, Encoded, predict
from models.training.encoder.network import Network, merged
from models.training.encoder.recipe import Recipe
from models.training.encoder.trainer import Trainer
from models.training.placed import put
from models.training.progress import Log, Print, lines_to, on_layer, silent
from models.training.release import gate, remedies, thresholds
from models.training.release.card import card
from models.training.release.export import export
from models.training.release.metrics import class_mix, of_heads, of_understanding, reasons
from models.training.release.quantise import quantise

MAX_TOKENS = 128
CALIBRATION_TEXTS = 256
PARITY_TEXTS = 256
STRANGE_TEXTS = 8000  # messages that are told from what is none
THRESHOLDS = {"topic_threshold": 0.45, "problem_threshold": 0.5}  # see taxonomy.toml

Quantise = Callable[[Path, Path, Sequence[Sequence[int]], Callable[[int, int], None]], None]


def release(
    trainer: Trainer, out: Path, *, quantise: Quantise = quantise, say: Print = silent
) -> dict[str, Any]:
    """Write the run's model directory, return its story.

    say: takes lines of JSON about how far it is. Raises GateError, and writes nothing, if it fails.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        model = Path(folder) / "model"
        model.mkdir()
        story = _build(trainer, model, Path(folder), quantise, lines_to(say))
        return publish(story | tested(model, story, trainer.corpus), model, out)


def publish(story: dict[str, Any], model: Path, out: Path) -> dict[str, Any]:
    """Write the story and the card of the model in `made`, and put it where `out` was."""
    story = with_places(model, story)
    write(model, story)
    put(model, out)
    return story


def _build(
    trainer: Trainer, model: Path, spare: Path, quantise: Quantise, log: Log
) -> dict[str, Any]:
    corpus, tokenizer = trainer.corpus, trainer.tokenizer
    held_out = [example for part in corpus.validation.values() for example in part]
    encoded = trainer.encode(held_out, longest=MAX_TOKENS)
    # Serving normalises again, which is not the same for every text that is normalised already.
    rows = [
        row
        for row in range(0, len(held_out), max(1, len(held_out) // PARITY_TEXTS))
        if _settled(held_out[row].text)
    ]
    sample_ids = [encoded.ids[row] for row in rows]

    tuned = trainer.tuned()
    trained = {name: weight.detach().clone() for name, weight in tuned.named_parameters()}
    before = predict(tuned, sample_ids)
    network = merged(tuned)
    _learn_what_is_strange(trainer, network)
    checks = [
        gate.heads_survived(network, trained),
        gate.same(
            "merged against trained", before, _without(predict(network, sample_ids), "strange")
        ),
    ]
    gate.enforce(checks)

    log(release="exporting")
    export(network, spare / "full.onnx")
    learned = trainer.train_set.ids
    calibration = random.Random(trainer.recipe.seed).sample(  # noqa: S311 (no secret)
        learned, k=min(CALIBRATION_TEXTS, len(learned))
    )
    quantise(spare / "full.onnx", model / MODEL, calibration, on_layer(log))
    log(release="measuring")
    tokenizer.save(str(model / TOKENIZER))

    texts = [example.text for example in held_out]
    full = served(spare / "full.onnx", model / TOKENIZER, texts)
    small = served(model / MODEL, model / TOKENIZER, texts)
    labels = {task: encoded.labels[task] for task in TASKS}
    exported = _without({name: values[rows] for name, values in full.items()}, "cause")
    checks.append(gate.same("exported against merged", predict(network, sample_ids), exported))
    checks += gate.compared(
        full, small, trainer.base_embeddings(encoded.ids).float().numpy(), labels
    )
    checks += _measured(trainer, model, spare)
    gate.enforce(checks)

    story = story_of(
        trainer.recipe, corpus, model, encoded, small, [str(check) for check in checks]
    )
    write(model, story)
    return story


def _learn_what_is_strange(trainer: Trainer, network: Network) -> None:
    """Set the line between messages and what is none, in the space of the trained embedding."""
    ids = trainer.train_set.ids
    messages = random.Random(trainer.recipe.seed).sample(ids, k=min(STRANGE_TEXTS, len(ids)))  # noqa: S311 (no secret)
    other = [
        encoding.ids[:MAX_TOKENS]
        for encoding in trainer.tokenizer.encode_batch(strange.strange_texts(trainer.recipe.seed))
    ]
    weight, bias = strange.line(
        *(predict(network, part, fast=True)["embedding"] for part in (messages, other))
    )
    with torch.no_grad():
        network.strange.weight.copy_(torch.from_numpy(weight)[None])
        network.strange.bias.fill_(bias)


def _measured(trainer: Trainer, model: Path, spare: Path) -> list[gate.Check]:
    """Checks of full-size models: the cost of the heads, and few-shot accuracy of the embedding."""
    learned, tested = trainer.corpus.intents
    if not learned:
        return []
    onnx.utils.extract_model(
        str(model / MODEL), str(spare / "bare.onnx"), ["input_ids", "attention_mask"], ["embedding"]
    )
    paid = gate.cost(model / MODEL, spare / "bare.onnx")

    def base(texts: Sequence[str]) -> NDArray[np.float32]:
        ids = [
            encoding.ids[:MAX_TOKENS]
            for encoding in trainer.tokenizer.encode_batch([normalize(text) for text in texts])
        ]
        return trainer.base_embeddings(ids).float().numpy()

    encoder = Encoder(model / MODEL, model / TOKENIZER, max_tokens=MAX_TOKENS)
    was = gate.few_shot(base, learned, tested)
    now = gate.few_shot(lambda texts: encoder(texts).embedding, learned, tested)
    return [
        gate.Check(
            "heads, share of the encoder's time", paid, gate.HEADS_COST, remedy=remedies.COST
        ),
        gate.dropped(f"Banking77 5-shot, {was:.3f} of the base less {now:.3f}", was, now),
    ]


def story_of(
    recipe: Recipe,
    corpus: Corpus,
    model: Path,
    encoded: Encoded,
    small: dict[str, NDArray[np.float32]],
    checks: Sequence[str],
) -> dict[str, Any]:
    """The story of the model in `model` before its test.

    encoded, small: the validation texts, and outputs.
    """
    labels, start = encoded.labels, recipe.start
    temperatures = {task: thresholds.temperature(labels[task], small[task]) for task in TASKS}
    calm = {task: small[task] / np.float32(temperatures[task]) for task in TASKS}
    of_topic = {problem.name: problem.topic for problem in read_taxonomy().problems}
    together = thresholds.of_one_topic({name: of_topic[name] for name in corpus.problems[:-1]})
    files = {name: sha256(model / name) for name in (MODEL, TOKENIZER)}
    return {
        "format": FORMAT,
        "version": f"{recipe.name}-{files[MODEL][:12]}-r{READING}",
        "languages": ["en"],
        "labels": {
            "sentiment": list(LABELS),
            "complaint": ["no", "yes"],
            "severity": [0, 1, 2, 3, 4],
            "topic": list(corpus.topics),
            "problem": list(corpus.problems),
        },
        "max_tokens": MAX_TOKENS,
        "temperatures": temperatures,
        "least_probability": {
            "topic": thresholds.least_topic(labels["topic"], calm["topic"]),
            "problem": thresholds.least_problem(labels["problem"], calm["problem"], together),
            **thresholds.inherited_minimums(start, corpus.problems, corpus.topics),
        },
        "cause_least": thresholds.least_cause(encoded, small["cause"]),
        "strange_most": _strange_most(corpus, small["strange"][:, 0]),
        "levels": thresholds.levels(labels["complaint"], calm["severity"]),
        "dissatisfaction": "25 x the expected severity class,"
        " probabilities calibrated by the temperature",
        **THRESHOLDS,
        "files": files,
        "recipe": asdict(recipe)
        | {"base": base_in_story(recipe.base), "start": start and _start_in_story(Path(start))},
        "data": dict(corpus.hashes)
        | ({} if start is None else {"start": _start_hash(Path(start))}),
        "texts": _sizes(corpus),
        "mix": class_mix(corpus.train),
        "gate": list(checks),
        "validation": of_heads(corpus.validation, small, temperatures),
        "test": {},
        "understood": {},
    }


def _start_in_story(start: Path) -> str:
    """The start as the recipe names it, but by no path of one machine; its hash stands in `data`.

    That is a model directory's version, a checkpoint's name with its run's.
    """
    if not start.is_absolute():
        return str(start)
    return load_artifact(start).version if start.is_dir() else f"{start.parent.name}/{start.name}"


def _start_hash(start: Path) -> str:
    return file_hash(start / MODEL if start.is_dir() else start)


def _strange_most(corpus: Corpus, logits: NDArray[np.float32]) -> float:
    """Chosen on the sets of messages.

    Sets of single turns and requests hold place names and numbers alone.
    """
    ends = np.cumsum([len(part) for part in corpus.validation.values()])
    parts = dict(zip(corpus.validation, np.split(logits, ends[:-1]), strict=True))
    return strange.threshold(
        [part for name, part in parts.items() if name not in ("multidogo", "clinc")]
    )


def write(model: Path, story: dict[str, Any]) -> None:
    (model / STORY).write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")
    (model / CARD).write_text(card(story), encoding="utf-8")


def served(
    model: Path, tokenizer: Path, texts: Sequence[str], longest: int = MAX_TOKENS
) -> dict[str, NDArray[np.float32]]:
    """Uncalibrated outputs of an ONNX file in the serving code; those that it has.

    longest: tokens; longer texts are cut.
    """
    outputs = Encoder(model, tokenizer, max_tokens=longest)(texts)._asdict()
    return {name: value for name, value in outputs.items() if value.shape[-1]}


def _settled(text: str) -> bool:
    return normalize(text) == text


def _without(outputs: dict[str, NDArray[np.float32]], name: str) -> dict[str, NDArray[np.float32]]:
    return {key: value for key, value in outputs.items() if key != name}


def tested(model: Path, story: dict[str, Any], corpus: Corpus) -> dict[str, Any]:
    """The figures on the test splits, read here for the first time, after every choice.

    `model` has its story.
    """
    if not corpus.test:
        return {}
    texts = [example.text for part in corpus.test.values() for example in part]
    outputs = served(model / MODEL, model / TOKENIZER, texts, story["max_tokens"])
    return {
        "test": of_heads(corpus.test, outputs, story["temperatures"]),
        "understood": understood(corpus.test, outputs["problem"], model, story),
    }


def understood(
    parts: Mapping[str, Sequence[Example]],
    problem: NDArray[np.float32],
    model: Path,
    story: dict[str, Any],
) -> dict[str, Any]:
    """Topics, problems and the index of each set, and the airline's reasons.

    problem: logits of the texts in order.
    """
    figures = of_understanding(parts, Analyzer(model, threads=1))
    start = 0
    for name, examples in parts.items():
        if name == "airline":
            logits = problem[start : start + len(examples)] / np.float32(
                story["temperatures"]["problem"]
            )
            figures["airline.reason"] = reasons(
                examples, story["labels"]["problem"], softmax(logits)
            )
        start += len(examples)
    return figures


def _sizes(corpus: Corpus) -> dict[str, int]:
    return {
        "train": len(corpus.train),
        "by turns": len(corpus.by_turns),
        **{f"validation.{name}": len(part) for name, part in corpus.validation.items()},
        **{f"test.{name}": len(part) for name, part in corpus.test.items()},
    }
