"""Contestants of a comparison: models of a hub or a folder, adapters, and untrained bases."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.analyzer import LABELS, softmax
from models.evaluation.compare_sentiment import Contestant, LabelsError, as_sentiments, label_map
from models.evaluation.compare_served import trained
from models.sentiment_classifier import Reading
from models.training.errors import TrainingError
from models.training.lab.build import kernels, write_base
from models.training.lab.card import CONFIG
from models.training.lab.hub import only_cached
from models.training.lab.keep import BASE, MODEL, RUN, size
from models.training.lab.recipe import Recipe
from models.training.lab.sets import NAMES
from models.training.lab.tokens import Tokens, logits_of

Floats = NDArray[np.float32]
UNTRAINED = "base:"


class ContestantError(TrainingError):
    """There is no such model."""


def contestant(
    name: str, label_names: Mapping[str, str] | None = None, *, threads: int = 2, spare: Path
) -> Contestant:
    """The model that a person names.

    name: a folder (a run of the lab, a transformers model, an adapter), the name of one on a hub,
    or `base:NAME` for an untrained head on a base. label_names: meanings of labels.
    spare: a folder for what must be written first. Raises ContestantError or LabelsError,
    naming the model.
    """
    folder = Path(name).expanduser()
    if (folder / RUN).is_file() and (folder / MODEL).is_dir():
        folder = folder / MODEL
    try:
        if name.startswith(UNTRAINED):
            goal = spare / name.removeprefix(UNTRAINED).replace("/", "_")
            write_base(Recipe("full", base=name.removeprefix(UNTRAINED)), NAMES[3], goal)
            return Transformer(
                str(goal), label_names, threads, f"{name} (untrained head)", spare=spare
            )
        source = str(folder) if folder.is_dir() else name
        return Transformer(source, label_names, threads, name, spare=spare)
    except LabelsError as error:
        raise LabelsError(f"{name}: {error}") from None


class Transformer:
    """A network of transformers, or adapters on one, as it says itself how to read a text."""

    def __init__(
        self,
        source: str,
        label_names: Mapping[str, str] | None,
        threads: int,
        version: str,
        *,
        spare: Path,
    ) -> None:
        torch.set_num_threads(threads)
        self.version, self._folder = version, Path(source)
        adapter = (self._folder / "adapter_config.json").is_file()
        self._model = _adapted(self._folder, spare) if adapter else _loaded(source)
        config = self._model.config
        names = [str(config.id2label[row]) for row in range(config.num_labels)]
        self._names, self._meaning = names, label_map(names, label_names)
        self.labels: Sequence[str] = [label for label in LABELS if label in self._meaning.values()]
        read = getattr(config, "earshot", None) or {}
        tokenizer = AutoTokenizer.from_pretrained(
            source, use_fast=True, local_files_only=only_cached(source)
        )
        longest = min(
            int(read.get("longest", 512)), int(getattr(config, "max_position_embeddings", 512)) - 2
        )
        self._tokens = Tokens(tokenizer, Reading(longest, bool(read.get("both_ends", False))))

    def sentiments(self, texts: Sequence[str]) -> Floats:
        logits = logits_of(self._model, self._tokens, self._tokens(texts))
        return as_sentiments(softmax(logits), self._names, self._meaning)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {
            **trained(self._folder, base=self._folder.name == BASE),
            "parameters": sum(weight.numel() for weight in self._model.parameters()),
            "bytes": size(self._folder) if self._folder.is_dir() else None,
            "stored": str(next(self._model.parameters()).dtype).removeprefix("torch."),
        }


def _loaded(source: str) -> Any:
    cached = only_cached(source)
    try:
        return AutoModelForSequenceClassification.from_pretrained(
            source, local_files_only=cached, **kernels()
        ).eval()
    except (OSError, ValueError) as error:
        if Path(source).is_dir():
            raise ContestantError(
                f"{source}: there is no model in it that transformers reads ({_first(error)})"
            ) from None
        reason = "no hub can be reached and it is not in the cache" if cached else _first(error)
        raise ContestantError(f"{source}: there is no such folder, and {reason}") from None


def _first(error: Exception) -> str:
    return str(error).splitlines()[0]


def _adapted(folder: Path, spare: Path) -> Any:
    """The network with adapters, on the base beside them, or else on the one that they name."""
    if find_spec("peft") is None:
        raise ContestantError(f"{folder}: adapters need peft: pip install 'earshot[train]'")
    from peft import PeftConfig, PeftModel

    config = PeftConfig.from_pretrained(str(folder))
    beside = folder.parent / BASE
    if beside.is_dir():
        base = _loaded(str(beside))
    elif (folder / CONFIG).is_file():
        base = _loaded(str(_base_of(folder, str(config.base_model_name_or_path), spare)))
    else:
        base = _loaded(str(config.base_model_name_or_path))
    return PeftModel.from_pretrained(base, str(folder)).eval()


def _base_of(folder: Path, name: str, spare: Path) -> Path:
    """The base that an adapter of ours names, written anew as it was before the training."""
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    layers = next((config[key] for key in ("n_layers", "num_hidden_layers") if key in config), None)
    labels = tuple(config["id2label"][row] for row in sorted(config["id2label"], key=int))
    goal = spare / f"base of {folder.name}"
    write_base(Recipe("lora", base=name, layers=layers), labels, goal)
    shutil.copy(folder / CONFIG, goal / CONFIG)
    return goal
