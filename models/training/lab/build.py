"""Network of a recipe: any encoder with a head for its classes, whole or with adapters."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DistilBertForSequenceClassification,
    DistilBertTokenizerFast,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from models.artifact import STORY, default_artifact
from models.registry import SHIPPED
from models.sentiment_classifier import Reading
from models.training.encoder.base import BaseError, load_base
from models.training.lab.hub import only_cached
from models.training.lab.recipe import Recipe
from models.training.recipes import MINILM, RecipeError


def write_base(recipe: Recipe, names: tuple[str, ...], folder: Path) -> None:
    """Write the base with an untrained head, as every run begins, for `from_pretrained`.

    Raises BaseError when no hub, folder or package gives the base.
    """
    torch.manual_seed(recipe.seed)  # of the head
    model, tokenizer = _based(recipe, names)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    say_reading(folder, recipe.reading)


def say_reading(folder: Path, reading: Reading) -> None:
    """Write how texts are read into the config of a base, and so of all models from it."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"earshot": asdict(reading)}
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _based(
    recipe: Recipe, names: tuple[str, ...]
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    labels: dict[str, Any] = {
        "id2label": dict(enumerate(names)),
        "label2id": {name: row for row, name in enumerate(names)},
    }
    source = str(default_artifact()) if recipe.base == SHIPPED else recipe.base
    if source == MINILM or (Path(source) / STORY).is_file():
        encoder, tokens = load_base(source, layers=recipe.layers)
        config = encoder.config
        config.seq_classif_dropout = recipe.dropout
        # Dropout in every layer takes a third of the time and gains little.
        config.dropout = config.attention_dropout = 0.0
        config.num_labels = len(names)
        config.id2label, config.label2id = labels["id2label"], labels["label2id"]
        model = DistilBertForSequenceClassification(config)
        model.distilbert.load_state_dict(encoder.state_dict())
        return model, DistilBertTokenizerFast(tokenizer_object=tokens, model_max_length=512)
    cached = only_cached(recipe.base)
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            recipe.base,
            num_labels=len(names),
            ignore_mismatched_sizes=True,
            local_files_only=cached,
            **labels,
        )
        tokenizer = AutoTokenizer.from_pretrained(
            recipe.base, use_fast=True, local_files_only=cached
        )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        if cached:
            reason = "no hub can be reached and it is not in the cache"
        raise BaseError(f"the base {recipe.base} is no folder of a model, and {reason}") from None
    return _shortened(model, recipe.layers), tokenizer


def _shortened(model: Any, layers: int | None) -> PreTrainedModel:
    """With the first so many layers only."""
    if layers is not None:
        stacks = _stacks(model)
        if not stacks:
            raise RecipeError(
                "layers = ... is for encoders with a list of layers; this base has none"
            )
        del stacks[0][layers:]
        name = "n_layers" if hasattr(model.config, "n_layers") else "num_hidden_layers"
        setattr(model.config, name, layers)
    return cast(PreTrainedModel, model)


def build(recipe: Recipe, base: Path) -> Any:
    """The network to train, from the folder that `write_base` made."""
    if recipe.way == "qlora":
        return _quantised(recipe, base)
    model = AutoModelForSequenceClassification.from_pretrained(base, **kernels())
    if recipe.way == "lora":
        return _adapted(recipe, model)
    _freeze(model, recipe.frozen)
    return model


def kernels() -> dict[str, str]:
    """Options of the attention: fused is faster on a GPU, its backward pass slow elsewhere."""
    return {} if torch.cuda.is_available() else {"attn_implementation": "eager"}


def merged(base: Path, adapter: Path) -> PreTrainedModel:
    """The plain network with the adapters folded in, in full precision."""
    model = AutoModelForSequenceClassification.from_pretrained(base, **kernels())
    return cast(PreTrainedModel, PeftModel.from_pretrained(model, str(adapter)).merge_and_unload())


def head_of(model: PreTrainedModel) -> list[str]:
    """The modules after the encoder."""
    return [
        name
        for name, part in model.named_children()
        if name != model.base_model_prefix and list(part.parameters())
    ]


def _adapted(recipe: Recipe, model: PreTrainedModel) -> PeftModel:
    inside = model.base_model_prefix + "."
    linear = [
        name
        for name, part in model.named_modules()
        if name.startswith(inside) and isinstance(part, torch.nn.Linear)
    ]
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=linear,
        modules_to_save=head_of(model),
    )
    return cast(PeftModel, get_peft_model(model, config))


def _quantised(recipe: Recipe, base: Path) -> PeftModel:
    if find_spec("bitsandbytes") is None:
        raise RecipeError(
            'way = "qlora" needs bitsandbytes: pip install bitsandbytes, or take way = "lora"'
        )
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        llm_int8_skip_modules=["classifier", "pre_classifier", "score"],
    )
    try:
        model = AutoModelForSequenceClassification.from_pretrained(base, quantization_config=config)
        ready = prepare_model_for_kbit_training(model)  # type: ignore[no-untyped-call]  # peft has no type for it
        return _adapted(recipe, ready)
    except (ImportError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise RecipeError(
            f'bitsandbytes cannot work on this machine: {reason}; take way = "lora"'
        ) from None


def _freeze(model: PreTrainedModel, lowest: int) -> None:
    if not lowest:
        return
    for part in (model.base_model.embeddings, *_stacks(model)[0][:lowest]):
        part.requires_grad_(False)


def _stacks(model: Any) -> list[torch.nn.ModuleList]:
    """The lists of layers of an encoder; the first is its own."""
    return [part for part in model.base_model.modules() if isinstance(part, torch.nn.ModuleList)]
