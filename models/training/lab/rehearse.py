"""Rehearsal before a training: can the small form of such a network be made, and is there a GPU."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from models.artifact import MODEL
from models.training.lab.recipe import Recipe
from models.training.lab.release import Served, ServedOnnxConfig
from models.training.recipes import RecipeError
from models.training.release.export import write_onnx
from models.training.release.quantise import quantise

TRIED = frozenset({"distilbert", "bert", "roberta", "xlm-roberta", "electra", "mpnet", "albert"})
WORDS = 200  # of the rehearsed vocabulary: its size changes nothing else
_LAYERS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers")
_TEXTS = [list(range(5, 17)), list(range(40, 47))]  # token ids


def refuse_without_gpu(recipe: Recipe) -> None:
    """Raises RecipeError, one line, where the recipe or its launcher needs a GPU and there is none.

    Asked before anything is read or written.
    """
    if torch.cuda.is_available():
        return
    if recipe.way == "qlora":
        raise RecipeError(
            'way = "qlora" needs an NVIDIA GPU (and bitsandbytes), and this machine has none: take'
            ' way = "lora"'
        )
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("1", "true"):
        raise RecipeError(
            "FSDP shards a model over GPUs, and this machine has none: leave --config_file out, or"
            " start it without accelerate launch"
        )


def rehearse(recipe: Recipe, base: Path) -> None:
    """Make the INT8 form of a network of the base's kind with one layer and a few words.

    Kinds that a test has tried are left out. Raises RecipeError, one line, where it fails: after a
    training it would fail as well.
    """
    config = AutoConfig.from_pretrained(base)
    if config.model_type in TRIED:
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            layers = _integer_layers(_shrunk(config), Path(folder))
    except Exception as error:
        # Whatever transformers, the exporter or our quantisation cannot do with this kind.
        lines = str(error).strip().splitlines() or [""]
        reason = f"{type(error).__name__}: {lines[0][:160]}"
    else:
        if layers:
            return
        reason = "none of its layers can be integers"
    raise RecipeError(
        f"the base {recipe.base} is a {config.model_type}, whose INT8 form cannot be made"
        f" ({reason}); take an encoder such as DistilBERT, RoBERTa or ModernBERT"
    )


def _shrunk(config: Any) -> Any:
    for name in _LAYERS:
        if hasattr(config, name):
            setattr(config, name, 1)
    config.vocab_size, config.pad_token_id = WORDS, 0
    return config


def _integer_layers(config: Any, folder: Path) -> int:
    """How many of the network's layers the small form computes in integers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a kind uses of torch
        model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    served = Served(model.eval())
    write_onnx(served, ServedOnnxConfig(served.config, task="feature-extraction"), folder / MODEL)
    quantise(folder / MODEL, folder / "small.onnx", _TEXTS)
    graph = onnx.load(folder / "small.onnx").graph
    return sum(node.op_type == "MatMulIntegerToFloat" for node in graph.node)
