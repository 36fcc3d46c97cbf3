"""A second row for the heads, inside the served graph.

Kernels of the heads sum one row in another order than two, so a lone text was run beside an empty
one: twice the time. The encoder's products are of integers and its other steps take a token, or a
text, at a time, so its last hidden state is the same for one row. Here the first row is repeated
where the heads begin, and they never see fewer than two. The outputs have that row at their end;
their first axis is called ONE_MORE, by which `Engine` knows such a graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from models.engine import ONE_MORE
from models.training.encoder.restore import READERS

_PREFIX = "second_row."
HIDDEN, MASK = f"{_PREFIX}hidden", f"{_PREFIX}mask"
IDS = f"{READERS}ids"  # nothing but the readers of urgency reads them after the encoder
_BEGIN, _END = f"{_PREFIX}begin", f"{_PREFIX}end"
_LAST_NORM = "output_layer_norm"  # of a layer, in the names of the exporter


def has_second_row(graph: onnx.GraphProto) -> bool:
    return any(HIDDEN in node.output for node in graph.node)


def with_second_row(source: str, target: str) -> list[NodeProto]:
    """Nodes that write `source` with its first row once more, at the end."""
    first = f"{target}.first"
    return [
        helper.make_node("Slice", [source, _BEGIN, _END], [first], name=first),
        helper.make_node("Concat", [source, first], [target], name=target, axis=0),
    ]


def append_second_row(graph: onnx.GraphProto) -> None:
    """Let all that follows the encoder read a row more, in place. A graph that has it already, or
    whose encoder is of another kind, stays as it is.
    """
    norm = _last_norm(graph)
    if norm is None or has_second_row(graph):
        return
    hidden = norm.output[0]
    body = _needed(graph.node, hidden)
    heads = [node for node in graph.node if not body.intersection(node.output)]
    instead = {"attention_mask": MASK, "input_ids": IDS, hidden: HIDDEN}
    if not _is_apart(graph, heads, body - instead.keys()):
        return
    inputs = [
        *_where_read("attention_mask", MASK, heads),
        *_where_read("input_ids", IDS, heads),
    ]
    for node in heads:
        node.input[:] = [instead.get(name, name) for name in node.input]
    nodes = list(graph.node)
    place = nodes.index(norm) + 1
    del graph.node[:]
    graph.node.extend([*inputs, *nodes[:place], *with_second_row(hidden, HIDDEN), *nodes[place:]])
    for name, value in ((_BEGIN, 0), (_END, 1)):
        graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), name))
    _declare(graph, {name for node in heads for name in node.output})


def _last_norm(graph: onnx.GraphProto) -> NodeProto | None:
    """The step that writes the encoder's last hidden state."""
    norms = [node for node in graph.node if node.op_type == "LayerNormalization"]
    return next((node for node in reversed(norms) if _LAST_NORM in node.name), None)


def _where_read(source: str, target: str, heads: Sequence[NodeProto]) -> list[NodeProto]:
    """The nodes of `with_second_row`, if a head reads the source."""
    is_read = any(source in node.input for node in heads)
    return with_second_row(source, target) if is_read else []


def _needed(nodes: Sequence[NodeProto], name: str) -> set[str]:
    """All that `name` is made of, and itself."""
    needed = {name}
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
    return needed


def _is_apart(graph: onnx.GraphProto, heads: Sequence[NodeProto], body: set[str]) -> bool:
    """Whether the heads share nothing with the encoder but constants and write all outputs."""
    shared = body.intersection(name for node in heads for name in node.input)
    makers = [node for node in graph.node if shared.intersection(node.output)]
    written = {name for node in heads for name in node.output}
    return written.issuperset(output.name for output in graph.output) and all(
        node.op_type == "Constant" for node in makers
    )


def _declare(graph: onnx.GraphProto, changed: set[str]) -> None:
    """Shapes that are no longer so are left out, and those of the outputs named."""
    valid = [value for value in graph.value_info if value.name not in changed]
    del graph.value_info[:]
    graph.value_info.extend(valid)
    for output in graph.output:
        output.type.tensor_type.shape.dim[0].dim_param = ONE_MORE
