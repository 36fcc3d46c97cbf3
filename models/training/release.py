"""From a finished run to a model directory: merge, export, quantise, pass the gate, write with its story and card."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analyzer import LABELS, softmax
from models.artifact import CARD, FORMAT, MODEL, STORY, TOKENIZER, sha256
from models.encoder import Encoder
from models.evaluate import scores
from models.training import gate
from models.training.batches import encode, predict
from models.training.card import card
from models.training.data import IGNORED, Corpus, Example
from models.training.export import export
from models.training.network import HEADS, merged
from models.training.quantise import quantise
from models.training.sentiment import Trainer

MAX_TOKENS = 128
CALIBRATION_TEXTS = 256
PARITY_TEXTS = 256
THRESHOLDS = {"topic_threshold": 0.45, "problem_threshold": 0.5}  # see taxonomy.toml

Quantise = Callable[[Path, Path, Sequence[Sequence[int]]], None]


def release(trainer: Trainer, out: Path, *, quantise: Quantise = quantise) -> dict[str, Any]:
    """Write the run's model directory, return its story. Raises GateError, and writes nothing, if it fails."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        made = Path(folder) / "model"
        made.mkdir()
        story = _build(trainer, made, Path(folder), quantise)
        shutil.rmtree(out, ignore_errors=True)
        made.rename(out)
    return story


def _build(trainer: Trainer, made: Path, spare: Path, quantise: Quantise) -> dict[str, Any]:
    corpus, tokenizer = trainer.corpus, trainer.tokenizer
    held = [example for part in corpus.validation.values() for example in part]
    encoded = encode(tokenizer, held)
    every = max(1, len(held) // PARITY_TEXTS)
    some = encoded.ids[::every]

    tuned = trainer.tuned()
    trained = {name: weight.detach().clone() for name, weight in tuned.named_parameters()}
    before = predict(tuned, some)
    network = merged(tuned)
    checks = [
        gate.heads_survived(network, trained),
        gate.same("merged against trained", before, predict(network, some)),
    ]
    gate.enforce(checks)

    export(network, spare / "full.onnx")
    learned = trainer.train_set.ids
    chosen = random.Random(trainer.recipe.seed).sample(  # noqa: S311 (no secret)
        learned, k=min(CALIBRATION_TEXTS, len(learned))
    )
    quantise(spare / "full.onnx", made / MODEL, chosen)
    tokenizer.save(str(made / TOKENIZER))

    texts = [example.text for example in held]
    full = _served(spare / "full.onnx", made / TOKENIZER, texts)
    small = _served(made / MODEL, made / TOKENIZER, texts)
    labels = {task: encoded.labels[:, column] for column, task in enumerate(HEADS)}
    exported = {name: values[::every] for name, values in full.items()}
    checks.append(gate.same("exported against merged", predict(network, some), exported))
    checks += gate.kept(full, small, trainer.base_embeddings(encoded).float().numpy(), labels)
    gate.enforce(checks)

    temperatures = {task: _temperature(labels[task], small[task]) for task in HEADS}
    files = {name: sha256(made / name) for name in (MODEL, TOKENIZER)}
    story: dict[str, Any] = {
        "format": FORMAT,
        "version": f"{trainer.recipe.name}-{files[MODEL][:12]}",
        "languages": ["en"],
        "labels": {"sentiment": list(LABELS), "complaint": ["no", "yes"], "severity": [0, 1, 2, 3, 4]},
        "max_tokens": MAX_TOKENS,
        "temperatures": temperatures,
        "dissatisfaction": "25 x the expected severity class, probabilities calibrated by the temperature",
        **THRESHOLDS,
        "files": files,
        "recipe": asdict(trainer.recipe),
        "data": dict(corpus.hashes),
        "texts": _sizes(corpus),
        "gate": [str(check) for check in checks],
        "validation": _figures(corpus.validation, small, temperatures),
    }
    story["test"] = _tested(made, story, corpus.test)
    (made / STORY).write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")
    (made / CARD).write_text(card(story), encoding="utf-8")
    return story


def _served(model: Path, tokenizer: Path, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """What the serving code gets from an ONNX file, uncalibrated."""
    return dict(Encoder(model, tokenizer, max_tokens=MAX_TOKENS)(texts)._asdict())


def _tested(made: Path, story: Mapping[str, Any], tests: Mapping[str, Sequence[Example]]) -> dict[str, Any]:
    """The figures on the test splits, read here for the first time and after every choice."""
    texts = [example.text for part in tests.values() for example in part]
    return _figures(tests, _served(made / MODEL, made / TOKENIZER, texts), story["temperatures"]) if texts else {}


def _figures(
    parts: Mapping[str, Sequence[Example]],
    outputs: Mapping[str, NDArray[np.float32]],
    temperatures: Mapping[str, float],
) -> dict[str, Any]:
    """Scores of each task on each set. outputs: of all the sets' texts, one after another."""
    figures: dict[str, Any] = {}
    names = {"sentiment": LABELS, "complaint": ("no", "yes"), "severity": ("0", "1", "2", "3", "4")}
    start = 0
    for part, examples in parts.items():
        rows = slice(start, start + len(examples))
        start += len(examples)
        for task in HEADS:
            truth = np.array([getattr(example, task) for example in examples], dtype=np.int64)
            known = truth != IGNORED
            if known.any():
                probabilities = softmax(outputs[task][rows][known] / temperatures[task])
                figures[f"{part}.{task}"] = scores(truth[known], probabilities, names[task])
    return figures


def _temperature(truth: NDArray[np.int64], logits: NDArray[np.float32]) -> float:
    known = truth != IGNORED
    return gate.temperature(truth[known], logits[known]) if known.any() else 1.0


def _sizes(corpus: Corpus) -> dict[str, int]:
    return {
        "train": len(corpus.train),
        **{f"validation.{name}": len(part) for name, part in corpus.validation.items()},
        **{f"test.{name}": len(part) for name, part in corpus.test.items()},
    }
