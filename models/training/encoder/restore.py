"""Restoring of a served model's weights for torch, so that training can start from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import NodeProto, numpy_helper

LOUD = ".loud"  # ends the names of what a fused graph has for divided channels alone
READERS = "readers."  # begins the names of what is read beside the heads, see triage/graft.py
_MIX = ".mix.weight"


def restore(model: Path) -> dict[str, torch.Tensor]:
    """The weights of `model.onnx` by the names of `Network`; INT8 as the numbers it stands for."""
    graph = onnx.load(model).graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    weights = {name: value for name, value in constants.items() if _is_weight(name, value)}
    mixes = [name for name in constants if name.endswith(_MIX)]
    for node in graph.node:
        if node.op_type == "MatMulIntegerToFloat":
            _add(weights, _linear(node, constants))
        elif node.op_type == "MatMul" and node.input[1] in constants:
            weights |= _unstacked(constants[node.input[1]], mixes)
    if "words" in constants:
        words = constants["words"].astype(np.float32) * constants["words.scale"]
        weights["encoder.embeddings.word_embeddings.weight"] = words
    return {name: torch.tensor(value) for name, value in weights.items()}


def _add(weights: dict[str, NDArray[Any]], layer: Mapping[str, NDArray[Any]]) -> None:
    """A layer that is done in two parts is put together."""
    for name, part in layer.items():
        earlier = weights.get(name)
        weights[name] = part if earlier is None else np.concatenate([earlier, part])


def _is_weight(name: str, value: NDArray[Any]) -> bool:
    return value.dtype == np.float32 and not name.startswith(("/", "w", "onnx::", READERS))


def _linear(
    node: NodeProto, constants: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """Weight and bias of a linear layer in INT8."""
    weight, scale, bias = (constants[node.input[place]] for place in (1, 3, 6))
    factor = _factor(node.input[0].removesuffix(".int8"), len(weight), constants)
    module = _module(node)
    return {
        f"{module}.weight": (weight.astype(np.float32) * scale * factor[:, None]).T,
        f"{module}.bias": bias,
    }


def _factor(
    source: str, channels: int, constants: Mapping[str, NDArray[Any]]
) -> NDArray[np.float32]:
    """What the channels of an activation are multiplied by, (channels,).

    In a fused graph the loud ones stand last, and the others have no number.
    """
    loud = constants.get(f"{source}{LOUD}.factor")
    if loud is None:
        return constants.get(f"{source}.factor", np.ones(channels, np.float32))
    return np.concatenate([np.ones(channels - len(loud), np.float32), loud])


def _unstacked(looks: NDArray[np.float32], mixes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """The queries of the heads in their order, and the weights of the cause.

    They look at the tokens in one product. looks: (dim, heads + 1), see `Network`.
    """
    queries = {name.removesuffix(_MIX) + ".query": looks[:, row] for row, name in enumerate(mixes)}
    scale = np.float32(np.sqrt(len(looks)))
    return {
        **{name: query * scale for name, query in queries.items()},
        "cause.weight": looks[:, -1][None],
    }


def _module(node: NodeProto) -> str:
    """`/encoder/transformer/layer.0/ffn/lin1/MatMul_int8` belongs to
    `encoder.transformer.layer.0.ffn.lin1`.
    """
    return str(node.name).rpartition("/")[0].strip("/").replace("/", ".")
