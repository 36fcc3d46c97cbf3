"""A served replier's weights back as torch knows them, so that its directory is a place to start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from models.replier import READER, STEP

Weights = dict[str, NDArray[np.float32]]

_DIRECTIONS = ("forward_encoder", "backward_encoder")


def thawed(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of `reader.onnx` and `step.onnx` in `folder`, by the names that `ReplyNetwork` has for them."""
    reader, step = onnx.load(folder / READER).graph, onnx.load(folder / STEP).graph
    found = _named(reader) | _named(step) | _encoders(reader)
    given, recurrent, merge, _ = _products(step)  # the last is the tied embedding
    found |= {"decoder.weight_ih": given.T, "decoder.weight_hh": recurrent.T, "merge.weight": merge.T}
    return {name: torch.tensor(value) for name, value in found.items()}


def _constants(graph: onnx.GraphProto) -> Weights:
    """By the name that the graph's nodes use, the half floats widened."""
    return {
        weight.name.removesuffix(".half"): numpy_helper.to_array(weight).astype(np.float32)
        for weight in graph.initializer
        if weight.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16)
    }


def _named(graph: onnx.GraphProto) -> Weights:
    prefix = "network."
    return {name.removeprefix(prefix): value for name, value in _constants(graph).items() if name.startswith(prefix)}


def _products(graph: onnx.GraphProto) -> list[NDArray[np.float32]]:
    """The weights, (in, out), that something is multiplied by, as they were traced; INT8 as what it stands for."""
    whole = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    constants, found = _constants(graph), {}
    for node in graph.node:
        name = node.input[1].removesuffix("_quantized") if len(node.input) > 1 else ""
        if node.op_type == "MatMul" and name in constants:
            found[name] = constants[name]
        elif node.op_type == "MatMulInteger":
            zero = whole[node.input[3]].astype(np.float32)
            found[name] = (whole[node.input[1]].astype(np.float32) - zero) * constants[f"{name}_scale"]
    return [found[name] for name in sorted(found, key=lambda name: int(name.rpartition("_")[2]))]


def _encoders(graph: onnx.GraphProto) -> Weights:
    """ONNX stacks both directions, and the gates as update, reset, new; torch has reset, update, new."""
    constants = _constants(graph)
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
