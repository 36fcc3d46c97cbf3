"""A served replier's weights back as torch knows them, so that its directory is a place to start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from models.replier import READER, STEP
from models.training.reply_graph import weights_of

Weights = dict[str, NDArray[np.float32]]

_DIRECTIONS = ("forward_encoder", "backward_encoder")


def thawed(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of `reader.onnx` and `step.onnx` in `folder`, by the names that `ReplyNetwork` has for them."""
    graphs = [onnx.load(folder / name).graph for name in (READER, STEP)]
    parts = weights_of(graphs[0]) | weights_of(graphs[1])
    prefix = "network."
    found = {name.removeprefix(prefix): value for name, value in parts.items() if name.startswith(prefix)}
    found |= _encoders(graphs[0], parts)
    found |= {
        "decoder.weight_ih": np.concatenate([parts["into"], parts["gates_given"]]).T,
        "decoder.weight_hh": parts["recurrent"].T,
        "decoder.bias_ih": parts["gates_bias"],
        "decoder.bias_hh": parts["bias"],
        "query.weight": parts["query"],
        "merge.weight": np.concatenate([parts["merge_hidden"], parts["merge_seen"], parts["merge_given"]]).T,
        "merge.bias": parts["merge_bias"],
    }
    return {name: torch.tensor(value) for name, value in found.items()}


def _encoders(graph: onnx.GraphProto, constants: Weights) -> Weights:
    """ONNX stacks both directions, and the gates as update, reset, new; torch has reset, update, new."""
    node = next(node for node in graph.node if node.op_type == "GRU")
    weight_ih, weight_hh, bias = (constants[name] for name in node.input[1:4])  # (2, 3 x size, ...), (2, 6 x size)
    found: Weights = {}
    for place, name in enumerate(_DIRECTIONS):
        bias_ih, bias_hh = np.split(bias[place], 2)
        parts = {"weight_ih": weight_ih[place], "weight_hh": weight_hh[place], "bias_ih": bias_ih, "bias_hh": bias_hh}
        for part, value in parts.items():
            update, reset, new = np.split(value, 3)
            found[f"{name}.{part}"] = np.concatenate([reset, update, new])
    return found
