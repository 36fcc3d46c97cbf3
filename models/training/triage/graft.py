"""The readers of urgency as nodes of a served graph.

They read what the graph has anyway, its tokens and its embedding, and are added to the outputs of
the heads, so that whoever serves the graph needs to know nothing of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from scipy.sparse import csr_matrix

from models.training.encoder.restore import READERS as PREFIX
from models.training.release.second_row import IDS, MASK, has_second_row, with_second_row
from models.urgency import LEVELS, REASONS

Floats = NDArray[np.float32]

SHARE = f"{PREFIX}share"  # (levels + reasons,) what a head counts beside them
BUCKETS = 131_071  # rows of the table of words and pairs; a prime, so that few of a kind collide
PAIR = 52_711  # a pair is the row (first * PAIR + second) mod BUCKETS
LARGEST = 127  # of an INT8 number
RAREST = 12.0  # weight of a word that is as good as never written
EPSILON = 1e-6
WIDTHS = {"level": len(LEVELS), "reason": len(REASONS)}


@dataclass(frozen=True)
class Wide:
    """A linear model of words and pairs. weights: (BUCKETS, n), with the rarity of each; biases:
    (n,); squares: (BUCKETS,) of the rarities, which a text is divided by the root of the sum of;
    columns: (n,) where each belongs among levels and reasons.
    """

    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    squares: NDArray[np.float64]
    columns: NDArray[np.int64]

    def __call__(self, words: csr_matrix) -> NDArray[np.float64]:
        """Logits (texts, n) of counts (texts, BUCKETS)."""
        lengths = np.sqrt(np.maximum(words @ self.squares, EPSILON))
        logits: NDArray[np.float64] = (words @ self.weights) / lengths[:, None] + self.biases
        return logits


@dataclass(frozen=True)
class Deep:
    """A hidden layer on the embedding. first: (hidden, dim), second: (levels + reasons, hidden)."""

    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats

    def __call__(self, places: Floats) -> Floats:
        """Logits (texts, levels + reasons) of embeddings (texts, dim)."""
        hidden = np.maximum(places @ self.first.T + self.first_bias, 0)
        logits: Floats = hidden @ self.second.T + self.second_bias
        return logits


@dataclass(frozen=True)
class Shares:
    """What each reader counts. head, deep: (levels + reasons,); wide: (n,), of its columns."""

    head: Floats
    deep: Floats
    wide: Floats


def buckets(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the words and the pairs of a text. ids: (tokens,), with what begins and ends it."""
    return np.concatenate([ids % BUCKETS, (ids[:-1] * PAIR + ids[1:]) % BUCKETS])


def whole(rarity: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The rarities and their squares as the graph will have them, in steps of RAREST."""
    unit = RAREST**2 / LARGEST
    squares = np.clip(np.round(rarity**2 / unit), 0, LARGEST) * unit
    return np.sqrt(squares), squares


def without(source: Path, target: Path) -> None:
    """Write the graph without its readers; as it is where it has none."""
    model = onnx.load(source)
    graph = model.graph
    nodes = [node for node in graph.node if not node.name.startswith(PREFIX)]
    for node in nodes:
        for task in WIDTHS:
            node.output[:] = [task if name == _head(task) else name for name in node.output]
    constants = [constant for constant in graph.initializer if not constant.name.startswith(PREFIX)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    onnx.save(model, target)


def put(source: Path, target: Path, wide: Wide, deep: Deep, shares: Shares) -> None:
    """Write the graph of a model without readers with these."""
    model = onnx.load(source)
    graph = model.graph
    for node in graph.node:
        node.output[:] = [_head(name) if name in WIDTHS else name for name in node.output]
    for name, value in _constants(wide, deep, shares).items():
        graph.initializer.append(numpy_helper.from_array(value, f"{PREFIX}{name}"))
    if has_second_row(graph):
        graph.node.extend([*with_second_row("input_ids", IDS), *_nodes(IDS, MASK)])
    else:
        graph.node.extend(_nodes("input_ids", "attention_mask"))
    onnx.checker.check_model(model)
    onnx.save(model, target)


def share_of(model: Path, task: str) -> Floats:
    """What the head of a task counts in its output, for each class; 1 where it speaks alone."""
    for constant in onnx.load(model).graph.initializer:
        if constant.name == SHARE:
            begin = 0 if task == "level" else WIDTHS["level"]
            part: Floats = numpy_helper.to_array(constant)[begin : begin + WIDTHS[task]]
            return part.copy()
    return np.ones(WIDTHS[task], np.float32)


def _constants(wide: Wide, deep: Deep, shares: Shares) -> dict[str, NDArray[np.generic]]:
    """In INT8 the sum of a text's rows is a whole number: the same in any order and padding."""
    units = np.maximum(np.abs(wide.weights).max(0), EPSILON) / LARGEST
    unit = RAREST**2 / LARGEST
    table = np.concatenate([wide.weights / units, wide.squares[:, None] / unit], axis=1)
    count = len(units)
    spread = np.zeros((count, len(shares.head)), np.float32)
    spread[np.arange(count), wide.columns] = units * shares.wide
    bias = np.zeros(len(shares.head))
    bias[wide.columns] = wide.biases * shares.wide
    return {
        "table": np.clip(np.round(table), -LARGEST, LARGEST).astype(np.int8),
        "spread": spread,
        "unit": np.array([unit], np.float32),
        "epsilon": np.array([EPSILON], np.float32),
        "first": deep.first,
        "first.bias": deep.first_bias,
        "second": deep.second * shares.deep[:, None],
        "second.bias": (deep.second_bias * shares.deep + bias).astype(np.float32),
        "share": shares.head,
        "buckets": np.array(BUCKETS, np.int64),
        "pair": np.array(PAIR, np.int64),
        "columns": np.array([count, 1], np.int64),
        "widths": np.array(list(WIDTHS.values()), np.int64),
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "last": np.array([-1], np.int64),
        "end": np.array([np.iinfo(np.int64).max], np.int64),
    }


def _nodes(ids: str, read: str) -> list[NodeProto]:
    """ids, read: tokens and which of them are read, (texts, tokens)."""
    nodes: list[NodeProto] = []

    def node(kind: str, inputs: Sequence[str], *outputs: str, **of: int) -> str:
        name = f"{PREFIX}{outputs[0]}"
        outputs = tuple(out if out in WIDTHS else f"{PREFIX}{out}" for out in outputs)
        step = helper.make_node(kind, list(inputs), list(outputs), name=name)
        step.attribute.extend(helper.make_attribute(key, value) for key, value in of.items())
        nodes.append(step)
        return outputs[0]

    def own(name: str) -> str:
        return f"{PREFIX}{name}"

    def summed(rows: str, mask: str, name: str) -> str:
        """The sum of the table's rows of a text, (texts, n + 1)."""
        gathered = node("Gather", [own("table"), rows], f"{name}.rows", axis=0)
        numbers = node("Cast", [gathered], f"{name}.numbers", to=TensorProto.FLOAT)
        weights = node("Unsqueeze", [mask, own("last")], f"{name}.weights")
        counted = node("Mul", [numbers, weights], f"{name}.counted")
        return node("ReduceSum", [counted, own("one")], f"{name}.sum", keepdims=0)

    mask = node("Cast", [read], "mask", to=TensorProto.FLOAT)
    words = summed(node("Mod", [ids, own("buckets")], "word"), mask, "words")
    first = node("Slice", [ids, own("zero"), own("last"), own("one")], "firsts")
    second = node("Slice", [ids, own("one"), own("end"), own("one")], "seconds")
    joined = node("Add", [node("Mul", [first, own("pair")], "high"), second], "joined")
    after = node("Slice", [mask, own("one"), own("end"), own("one")], "after")
    pairs = summed(node("Mod", [joined, own("buckets")], "pairs.row"), after, "pairs")
    whole_text = node("Add", [words, pairs], "whole")
    logits, squares = own("wide.logits"), own("wide.squares")
    node("Split", [whole_text, own("columns")], "wide.logits", "wide.squares", axis=1)
    square = node("Max", [node("Mul", [squares, own("unit")], "square"), own("epsilon")], "length2")
    by_length = node("Div", [logits, node("Sqrt", [square], "length")], "wide.by_length")
    hidden = node("Gemm", ["embedding", own("first"), own("first.bias")], "hidden.linear", transB=1)
    hidden = node("Relu", [hidden], "hidden")
    deep = node("Gemm", [hidden, own("second"), own("second.bias")], "deep", transB=1)
    spread = node("Gemm", [by_length, own("spread"), deep], "both")
    node("Split", [spread, own("widths")], "beside.level", "beside.reason", axis=1)
    node("Split", [own("share"), own("widths")], "share.level", "share.reason", axis=0)
    for task in WIDTHS:
        head = node("Mul", [_head(task), own(f"share.{task}")], f"head.{task}")
        nodes.append(
            helper.make_node("Add", [head, own(f"beside.{task}")], [task], name=f"{PREFIX}{task}")
        )
    return nodes


def _head(task: str) -> str:
    return f"{task}.head"
