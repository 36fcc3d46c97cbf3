"""Files of a finished run: models for `from_pretrained`, predictions, words and run.json."""

from __future__ import annotations

import csv
import json
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from models.analyzer import softmax
from models.evaluation.metrics import scores
from models.training.errors import TrainingError
from models.training.explore.words import texts_with, words
from models.training.lab.build import build, kernels, merged
from models.training.lab.card import name_base, write_cards
from models.training.lab.fit import Fit
from models.training.lab.sets import Labelled
from models.training.lab.tokens import logits_of

Floats = NDArray[np.float32]

BASE, MODEL, ADAPTER, RELEASE = "base", "model", "adapter", "release"
RUN, PREDICTIONS, WORDS = "run.json", "predictions.csv", "words.json"
FREQUENT = 120  # words of a class
CHECKED = 32  # texts that show whether what was written is what was trained
SAME_LOGITS = 2e-3  # merged against trained: float arithmetic in another order
QUANTISED_LOGITS = 0.5  # adapters learnt on four bits, merged into the full weights
_VERSIONS = ("torch", "transformers", "peft", "accelerate", "tokenizers")


class LostError(TrainingError):
    """The written model is not the trained one."""


def keep(fit: Fit, more: Mapping[str, Any]) -> dict[str, Any]:
    """Write the best weights as `model` (and `adapter`), the predictions and run.json.

    Returns the story of run.json. Raises LostError when the model read back gives other logits
    than the trained one.
    """
    out, recipe = fit.out, fit.recipe
    best = with_weights(build(recipe, out / BASE), fit.best())
    if recipe.way == "full":
        _written(best, out / MODEL)
    else:
        _written(best, out / ADAPTER)
        _written(merged(out / BASE, out / ADAPTER), out / MODEL)
        name_base(recipe, out / ADAPTER, out / BASE)
    for folder in (MODEL, *([] if recipe.way == "full" else [ADAPTER])):
        fit.tokens.tokenizer.save_pretrained(out / folder)
    again = AutoModelForSequenceClassification.from_pretrained(out / MODEL, **kernels())
    sample = fit.held_out[:CHECKED]
    lost = float(
        np.abs(logits_of(again, fit.tokens, sample) - logits_of(best, fit.tokens, sample)).max()
    )
    if lost > (SAME_LOGITS if recipe.way != "qlora" else QUANTISED_LOGITS):
        raise LostError(
            f"{out / MODEL}: read back, its logits differ by {lost:.4f} from the trained ones"
        )
    held_out = fit.sets.validation
    probabilities = softmax(logits_of(again, fit.tokens, fit.held_out))
    with (out / PREDICTIONS).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(["part", "text", "label", *fit.sets.names])
    add_predictions(out, "validation", held_out, probabilities, fit.sets.names)
    write(out / WORDS, _words(fit))
    story = {
        "kind": "sentiment",
        "way": recipe.way,
        "recipe": asdict(recipe),
        "seed": recipe.seed,
        "data": dict(fit.sets.hashes),
        "labels": list(fit.sets.names),
        "texts": {
            "train": len(fit.sets.train),
            "validation": len(held_out),
            "test": len(fit.sets.test),
        },
        "parameters": fit.parameters,
        "bytes": {
            name: size(out / name) for name in (BASE, MODEL, ADAPTER) if (out / name).exists()
        },
        "seconds": round(fit.progress.seconds, 1),
        "processor_seconds": round(fit.progress.busy, 1),
        "steps": fit.progress.step,
        "best_step": fit.progress.best_step,
        "processes": fit.processes,
        "precision": fit.precision,
        "versions": {name: version(name) for name in _VERSIONS}
        | {"python": platform.python_version(), "earshot": version("earshot")}
        | code_commit(),
        "validation": scores(np.array(held_out.labels), probabilities, fit.sets.names),
        **more,
    }
    write(out / RUN, story)
    write_cards(recipe, story, out / MODEL, out / ADAPTER)
    return story


def code_commit() -> dict[str, str]:
    """The commit of the code, where it runs from a checkout; with + where files were changed."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--", ".")
    return {} if commit is None else {"commit": commit + ("+" if changed else "")}


def _git(*arguments: str) -> str | None:
    """What git says of this folder; None without git, and outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  our own words
            [git, "-C", str(Path(__file__).parent), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def write(path: Path, story: Mapping[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(
        json.dumps(dict(story), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    partial.replace(path)


def size(folder: Path) -> int:
    """Bytes of the weights in a folder."""
    return sum(
        path.stat().st_size
        for path in folder.iterdir()
        if path.suffix in (".safetensors", ".bin", ".onnx")
    )


def _written(model: Any, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)


def with_weights(model: Any, weights: Mapping[str, torch.Tensor]) -> Any:
    """The model with these of its weights, by their names."""
    known = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            known[name].copy_(weight)
    return model


def add_predictions(
    out: Path, part: str, texts: Labelled, probabilities: Floats, names: Sequence[str]
) -> None:
    """Append the probabilities (texts, classes) of a part, which the report reads."""
    with (out / PREDICTIONS).open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [part, text, names[label], *(f"{value:.5f}" for value in row)]
            for text, label, row in zip(texts.texts, texts.labels, probabilities, strict=True)
        )


def _words(fit: Fit) -> dict[str, dict[str, int]]:
    """By class, how many of the texts to learn from hold a word."""
    train = fit.sets.train
    return {
        name: dict(
            texts_with(
                words(text)
                for text, label in zip(train.texts, train.labels, strict=True)
                if label == row
            ).most_common(FREQUENT)
        )
        for row, name in enumerate(fit.sets.names)
    }
