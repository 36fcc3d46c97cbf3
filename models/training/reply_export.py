"""The reply network as two ONNX files: one reads messages, one takes a step of drafts.

Weights are half floats; those of a step's two large products are INT8, which takes a third off its time.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from models.reply_network import TOP
from models.training.reply_network import GRU, ReplyNetwork

OPSET = 18
LEAST = 1024  # smaller tensors stay in full precision


class _Reader(nn.Module):
    """(messages, width) to what every step of their drafts needs."""

    def __init__(self, network: ReplyNetwork) -> None:
        super().__init__()
        self.network = network
        self.encoder = _both_ways(network.forward_encoder, network.backward_encoder)

    def forward(self, source: Tensor, lengths: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        network = self.network
        condition = network.condition(conditions)
        packed = nn.utils.rnn.pack_padded_sequence(
            network.embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        read, last = self.encoder(packed)
        memory, _ = nn.utils.rnn.pad_packed_sequence(read, batch_first=True, total_length=source.shape[1])
        state = torch.tanh(network.start(torch.cat([last[0], last[1], condition], -1)))
        keys = (memory @ network.query.weight).transpose(1, 2)  # (messages, decoder, width)
        return memory, keys, state, condition


class _Step(nn.Module):
    """One more token of each draft. tokens: (messages, drafts); the other inputs as `_Reader` gives them."""

    def __init__(self, network: ReplyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, tokens: Tensor, state: Tensor, memory: Tensor, keys: Tensor, mask: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor]:
        network, decoder = self.network, self.network.decoder
        given = condition[:, None, :].expand(-1, tokens.shape[1], -1)
        gates = torch.cat([network.embedding(tokens), given], -1) @ decoder.weight_ih.t() + decoder.bias_ih
        recurrent = state @ decoder.weight_hh.t() + decoder.bias_hh
        reset, update, new = gates.chunk(3, -1)
        state_reset, state_update, state_new = recurrent.chunk(3, -1)
        new = torch.tanh(new + torch.sigmoid(reset + state_reset) * state_new)
        share = torch.sigmoid(update + state_update)
        hidden = (1 - share) * new + share * state
        seen = torch.softmax(hidden @ keys + mask[:, None, :], -1) @ memory
        merged = torch.tanh(network.merge(torch.cat([hidden, seen, given], -1)))
        return torch.log_softmax(network.logits(merged), -1), hidden


def export(network: ReplyNetwork, folder: Path) -> None:
    """Write `reader.onnx` and `step.onnx`."""
    network = network.eval()
    sizes, width = network.sizes, 8
    source = torch.ones(2, width, dtype=torch.long)
    conditions = torch.zeros(2, len(sizes.conditions), dtype=torch.long)
    reader = _Reader(network)
    inputs = (source, torch.tensor([width, width - 1]), conditions)
    with torch.no_grad():
        memory, keys, state, condition = reader(*inputs)
    _write(
        reader,
        inputs,
        folder / "reader.onnx",
        {
            "source": {0: "messages", 1: "width"},
            "lengths": {0: "messages"},
            "conditions": {0: "messages"},
        },
        {
            "memory": {0: "messages", 1: "width"},
            "keys": {0: "messages", 2: "width"},
            "state": {0: "messages"},
            "condition": {0: "messages"},
        },
    )
    _write(
        _Step(network),
        (
            torch.ones(2, 3, dtype=torch.long),
            state[:, None].expand(-1, 3, -1),
            memory,
            keys,
            torch.zeros(2, width),
            condition,
        ),
        folder / "step.onnx",
        {
            "tokens": {0: "messages", 1: "drafts"},
            "state": {0: "messages", 1: "drafts"},
            "memory": {0: "messages", 1: "width"},
            "keys": {0: "messages", 2: "width"},
            "mask": {0: "messages", 1: "width"},
            "condition": {0: "messages"},
        },
        {"scores": {0: "messages", 1: "drafts"}, "next": {0: "messages", 1: "drafts"}},
    )


def _both_ways(there: GRU, back: GRU) -> nn.GRU:
    """Torch's own bidirectional GRU with these weights: that is what the exporter knows."""
    encoder = nn.GRU(there.weight_ih.shape[1], there.weight_hh.shape[1], bidirectional=True, batch_first=True)
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(encoder, f"{name}_l0").copy_(getattr(there, name))
            getattr(encoder, f"{name}_l0_reverse").copy_(getattr(back, name))
    return encoder.eval()


def _write(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    given: dict[str, dict[int, str]],
    told: dict[str, dict[int, str]],
) -> None:
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")  # the tracer warns about constants that are meant to be constant
        torch.onnx.export(
            module.eval(),
            inputs,
            str(path),
            input_names=list(given),
            output_names=list(told),
            dynamic_axes={**given, **told},
            opset_version=OPSET,
            dynamo=False,
        )
    if "tokens" in given:
        _quantise(path)
    model = onnx.load(str(path))
    if "scores" in told:
        _with_best(model.graph)
    _halve(model.graph)
    onnx.save(model, str(path))


def _quantise(path: Path) -> None:
    """The two large products of a step in INT8, each column of weights by a scale of its own, in seven bits: AVX2 adds
    pairs in sixteen. What comes in lies between -1 and 1, so its scale is fixed: no draft depends on its neighbours.
    """
    large = [node.name for node in onnx.load(str(path)).graph.node if node.op_type == "MatMul" and _is_bounded(node)]
    with tempfile.TemporaryDirectory() as folder, _quiet("root"):
        whole = Path(folder) / path.name
        path.rename(whole)
        quantize_dynamic(
            whole, path, nodes_to_quantize=large, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8
        )
    model = onnx.load(str(path))
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array(1 / 127, dtype=np.float32), "one.scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(128, dtype=np.uint8), "one.zero"))
    for node in graph.node:
        if node.op_type == "DynamicQuantizeLinear":
            taken = dict(zip(node.output[1:], ("one.scale", "one.zero"), strict=True))
            for other in graph.node:
                other.input[:] = [taken.get(name, name) for name in other.input]
            fixed = helper.make_node("QuantizeLinear", [node.input[0], *taken.values()], node.output[:1], node.name)
            node.CopyFrom(fixed)
    onnx.save(model, str(path))


def _is_bounded(node: onnx.NodeProto) -> bool:
    """Is it the recurrence, whose state is a GRU's, or the output, which reads a tanh?"""
    return str(node.input[0]) == "state" or str(node.input[0]).startswith("/Tanh")


def _with_best(graph: onnx.GraphProto) -> None:
    """Two more outputs: the scores of each draft's likeliest tokens, and which they are."""
    graph.initializer.append(numpy_helper.from_array(np.array([TOP], dtype=np.int64), "best.count"))
    graph.node.append(helper.make_node("TopK", ["scores", "best.count"], ["best", "which"], axis=-1))
    shape: list[str | int | None] = ["messages", "drafts", TOP]
    graph.output.append(helper.make_tensor_value_info("best", TensorProto.FLOAT, shape))
    graph.output.append(helper.make_tensor_value_info("which", TensorProto.INT64, shape))


def _halve(graph: onnx.GraphProto) -> None:
    """Large weights as half floats, each cast back once when the session is made."""
    casts = []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < LEAST:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for place, cast in enumerate(casts):
        graph.node.insert(place, cast)


@contextlib.contextmanager
def _quiet(name: str = "torch.onnx") -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
