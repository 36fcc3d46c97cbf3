"""Fusion of a served graph: fewer passes over the activations, the same outputs, bit for bit.

The exporter writes attention and GELU as chains of small nodes, with shapes and masks worked out
anew in every layer. Here a layer's attention becomes one node, its mask is made once, and the
channels that are divided before they are rounded (see `quantise`) stand together, so that the
others are not multiplied by one. Every integer stays what it was. The heads get a second row, see
`second_row`, so that a lone text needs none beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from models.training.encoder.restore import LOUD
from models.training.release.second_row import append_second_row

OPSET = 23  # the first with an `Attention` of its own
# What a masked score lies below the others: e**-80 is nothing beside 1 in float32, and still a
# normal number. With the least float instead, a softmax takes three times as long: exp underflows.
MASKED = -80.0
STEP = 16  # columns that the kernels of integer products take at once
PRODUCT, OWN = "MatMulIntegerToFloat", "com.microsoft"
GELU = [round(2**0.5, 5), 1.0, 0.5]  # divides, is added, multiplies
_BIAS = "/attention/bias"

Array = NDArray[Any]


class _Graph:
    """Who makes, who reads, and what is constant; changes are put into the graph at the end."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes = list(graph.node)
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.readers: dict[str, list[NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.constants = {
            constant.name: numpy_helper.to_array(constant) for constant in graph.initializer
        }
        self.constants |= {
            node.output[0]: numpy_helper.to_array(node.attribute[0].t)
            for node in self.nodes
            if node.op_type == "Constant"
        }
        self.changed: dict[str, Array] = {}
        self.instead: dict[str, list[NodeProto]] = {}  # by an output of the node that goes
        self._graph = graph

    def of_kind(self, kind: str) -> list[NodeProto]:
        return [node for node in self.nodes if node.op_type == kind]

    def along(self, node: NodeProto, *kinds: str) -> NodeProto | None:
        """The node at the end of a chain whose links are each read by one of the next kind."""
        for kind in kinds:
            readers = self.readers.get(node.output[0], [])
            after = [reader for reader in readers if reader.op_type == kind]
            if len(after) != 1:
                return None
            node = after[0]
        return node

    def constant(self, node: NodeProto) -> float | None:
        """The one number among what a node reads, to five places."""
        values = [self.constants[name] for name in node.input if name in self.constants]
        if len(values) != 1 or values[0].size != 1:
            return None
        return round(float(values[0].item()), 5)

    def finish(self, before: Sequence[NodeProto] = ()) -> None:
        """Write the changes; nodes and constants that nothing needs any more are left out."""
        nodes = [
            new
            for node in [*before, *self.nodes]
            for new in self.instead.get(node.output[0], [node])
        ]
        needed = {output.name for output in self._graph.output}
        rest: list[NodeProto] = []
        for node in reversed(nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                rest.append(node)
        constants = [
            constant
            for constant in self._graph.initializer
            if constant.name in needed and constant.name not in self.changed
        ]
        constants += [numpy_helper.from_array(value, name) for name, value in self.changed.items()]
        del self._graph.node[:], self._graph.initializer[:]
        self._graph.node.extend(reversed(rest))
        self._graph.initializer.extend(constants)


def fuse_file(source: Path, target: Path) -> None:
    """Write the fused form of a served graph; one that is fused already comes out as it is."""
    model = onnx.load(source)
    fuse(model)
    onnx.save(model, target)


def fuse(model: onnx.ModelProto) -> None:
    """Fuse a graph that `quantise` wrote, in place. What it does not know stays as it is."""
    _fuse_gelu(model.graph)
    _part_channels(model.graph)
    if _fuse_attention(model.graph):
        (imported,) = [imported for imported in model.opset_import if not imported.domain]
        imported.version = max(imported.version, OPSET)
    append_second_row(model.graph)


def _fuse_attention(into: onnx.GraphProto) -> bool:
    """A layer's attention, from its three products to its heads side by side, as one node.

    Returns whether there was one.
    """
    graph = _Graph(into)
    for softmax in graph.of_kind("Softmax"):
        place = softmax.name.removesuffix("/Softmax")
        products = [f"{place}/{part}_lin/Add_output_0" for part in "qkv"]
        if not all(name in graph.makers for name in products):
            continue  # a head of ours, or another kind of encoder
        joined = graph.along(softmax, "MatMul", "Transpose", "Reshape")
        parted = graph.along(graph.makers[products[0]], "Reshape")
        if joined is None or parted is None:
            continue
        shape = graph.makers[parted.input[1]]  # (texts, tokens, heads, channels)
        heads = int(graph.constants[shape.input[2]].item())
        out = joined.output[0]
        graph.instead[out] = [
            helper.make_node(
                "Attention",
                [*products, _BIAS],
                [out],
                name=f"{place}/Attention",
                q_num_heads=heads,
                kv_num_heads=heads,
            )
        ]
    if graph.instead:
        graph.finish(_bias(graph))
    return bool(graph.instead)


def _bias(graph: _Graph) -> list[NodeProto]:
    """What is added to the scores, (texts, 1, tokens, tokens): MASKED for padding, 0 for text."""
    constants = {
        "one": np.float32(1),
        "depth": np.float32(-MASKED),
        "zero": np.float32(0),
        "of keys": np.array([1, 2]),
        "of queries": np.array([1, 3]),
    }
    steps = [
        ("Sub", "mask", "one", "less"),
        ("Mul", "less", "depth", "low"),
        ("Unsqueeze", "low", "of keys", "keys"),
        ("Mul", "mask", "zero", "flat"),
        ("Unsqueeze", "flat", "of queries", "queries"),
    ]
    graph.changed |= {f"{_BIAS}.{name}": np.asarray(value) for name, value in constants.items()}
    mask = helper.make_node("Cast", ["attention_mask"], [f"{_BIAS}.mask"], to=TensorProto.FLOAT)
    nodes = [
        helper.make_node(kind, [f"{_BIAS}.{left}", f"{_BIAS}.{right}"], [f"{_BIAS}.{out}"])
        for kind, left, right, out in steps
    ]
    both = helper.make_node("Add", [f"{_BIAS}.keys", f"{_BIAS}.queries"], [_BIAS])
    return [mask, *nodes, both]


def _fuse_gelu(into: onnx.GraphProto) -> None:
    """`x * (erf(x / c) + 1) / 2` as the node that ONNX Runtime would make of it by itself."""
    graph = _Graph(into)
    for erf in graph.of_kind("Erf"):
        first, more = graph.makers.get(erf.input[0]), graph.along(erf, "Add")
        last = graph.along(erf, "Add", "Mul", "Mul")
        if first is None or more is None or last is None:
            continue
        if [graph.constant(node) for node in (first, more, last)] == GELU:
            out = last.output[0]
            graph.instead[out] = [helper.make_node("Gelu", [first.input[0]], [out], domain=OWN)]
    graph.finish()


class _Feed(NamedTuple):
    """The nodes of a feed-forward layer, in order. The second product reads what is stored."""

    first: NodeProto
    gelu: NodeProto
    division: NodeProto
    storing: NodeProto
    second: NodeProto


def _part_channels(into: onnx.GraphProto) -> None:
    """Divide loud channels alone, where a layer's second product reads what its first has made.

    The columns of the first and the rows of the second are put in another order, the loud last.
    The first is done in two parts; the integers of both are joined for the second.
    """
    graph = _Graph(into)
    for gelu in graph.of_kind("Gelu"):
        first = graph.makers.get(gelu.input[0])
        division = graph.along(gelu, "Mul")
        storing = None if division is None else graph.along(division, "QuantizeLinear")
        second = None if storing is None else graph.along(storing, PRODUCT)
        if first is None or division is None or storing is None or second is None:
            continue
        if first.op_type != PRODUCT:
            continue
        quiet, loud = _parts(graph.constants[division.input[1]])
        if len(quiet):
            _part(graph, _Feed(first, gelu, division, storing, second), quiet, loud)
    graph.finish()


def _parts(factor: Array) -> tuple[Array, Array]:
    """The channels that are multiplied by one and the others, which some are added to.

    The first of both is empty where it is not worth it, or done.
    """
    order = np.argsort(factor == 1, kind="stable")  # the loud first
    many = -(-int((factor != 1).sum()) // STEP) * STEP
    quiet, loud = np.sort(order[many:]), np.sort(order[:many])
    return (quiet, loud) if len(loud) and len(quiet) >= len(loud) else (quiet[:0], order)


def _part(graph: _Graph, feed: _Feed, quiet: Array, loud: Array) -> None:
    source, out, stored = feed.first.output[0], feed.gelu.output[0], feed.storing.output[0]
    factor = graph.constants[feed.division.input[1]]
    weights = [feed.first.input[place] for place in (1, 3, 6)]
    for channels, mark in ((quiet, ""), (loud, LOUD)):
        graph.changed |= {
            f"{name}{mark}": np.ascontiguousarray(graph.constants[name][..., channels])
            for name in weights
        }
    rows = feed.second.input[1]
    graph.changed[rows] = graph.constants[rows][np.concatenate([quiet, loud])]
    graph.changed[f"{out}{LOUD}.factor"] = factor[loud]
    louder = NodeProto()
    louder.CopyFrom(feed.first)
    for place in (1, 3, 6):
        louder.input[place] += LOUD
    louder.output[0] += LOUD
    louder.name += LOUD
    graph.instead[source] = [feed.first, louder]
    graph.instead[out], graph.instead[feed.division.output[0]] = [], []
    scale, zero = feed.storing.input[1:]
    graph.instead[stored] = [
        helper.make_node("Gelu", [source], [out], domain=OWN),
        helper.make_node("QuantizeLinear", [out, scale, zero], [f"{stored}.quiet"]),
        helper.make_node("Gelu", [f"{source}{LOUD}"], [f"{out}{LOUD}"], domain=OWN),
        helper.make_node("Mul", [f"{out}{LOUD}", f"{out}{LOUD}.factor"], [f"{out}{LOUD}.even"]),
        helper.make_node("QuantizeLinear", [f"{out}{LOUD}.even", scale, zero], [f"{stored}{LOUD}"]),
        helper.make_node("Concat", [f"{stored}.quiet", f"{stored}{LOUD}"], [stored], axis=-1),
    ]
