"""Restoring of a served replier's weights for torch, so that training can start from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.artifact import ArtifactError, read_story, reading
from models.replier.conditions import Vocabulary
from models.replier.replier import FORMAT, READER, STEP, STORY, TOKENIZER
from models.training.recipes import RecipeError
from models.training.replies.graph import weights_of

Weights = dict[str, NDArray[np.float32]]

_DIRECTIONS = ("forward_encoder", "backward_encoder")


@dataclass(frozen=True)
class Start:
    """The replier that a run begins with: its weights, subwords, brands and topics.

    told: how it was trained itself.
    """

    version: str
    story: Mapping[str, Any]
    weights: Mapping[str, torch.Tensor]
    tokenizer: Tokenizer
    vocabulary: Vocabulary


def read_start(folder: Path) -> Start:
    """Raises RecipeError for a directory that is no replier's."""
    try:
        with reading(folder, STORY, "a replier's"):
            story = read_story(folder, STORY, (FORMAT,))
            return Start(
                story["version"],
                {name: story.get(name) for name in ("version", "steps", "minutes", "start")},
                thawed(folder),
                Tokenizer.from_file(str(folder / TOKENIZER)),
                Vocabulary(story["brands"], story["topics"]),
            )
    except ArtifactError as error:
        raise RecipeError(f"start = {str(folder)!r}: {error}") from None


def thawed(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of `reader.onnx` and `step.onnx` in `folder`, by the names that `ReplyNetwork`
    has for them.
    """
    graphs = [onnx.load(folder / name).graph for name in (READER, STEP)]
    parts = weights_of(graphs[0]) | weights_of(graphs[1])
    prefix = "network."
    weights = {
        name.removeprefix(prefix): value for name, value in parts.items() if name.startswith(prefix)
    }
    weights |= _encoders(graphs[0], parts)
    weights |= {
        "decoder.weight_ih": np.concatenate([parts["into"], parts["gates_given"]]).T,
        "decoder.weight_hh": parts["recurrent"].T,
        "decoder.bias_ih": parts["gates_bias"],
        "decoder.bias_hh": parts["bias"],
        "query.weight": parts["query"],
        "merge.weight": np.concatenate(
            [parts["merge_hidden"], parts["merge_seen"], parts["merge_given"]]
        ).T,
        "merge.bias": parts["merge_bias"],
    }
    return {name: torch.tensor(value) for name, value in weights.items()}


def _encoders(graph: onnx.GraphProto, constants: Weights) -> Weights:
    """ONNX stacks both directions, and the gates as update, reset, new; torch has reset, update,
    new.
    """
    node = next(node for node in graph.node if node.op_type == "GRU")
    weight_ih, weight_hh, bias = (
        constants[name] for name in node.input[1:4]
    )  # (2, 3 x size, ...), (2, 6 x size)
    weights: Weights = {}
    for place, name in enumerate(_DIRECTIONS):
        bias_ih, bias_hh = np.split(bias[place], 2)
        parts = {
            "weight_ih": weight_ih[place],
            "weight_hh": weight_hh[place],
            "bias_ih": bias_ih,
            "bias_hh": bias_hh,
        }
        for part, value in parts.items():
            update, reset, new = np.split(value, 3)
            weights[f"{name}.{part}"] = np.concatenate([reset, update, new])
    return weights
