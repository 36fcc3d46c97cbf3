"""INT8 with fixed activation scales: a result depends on its text alone, not on the batch.

Dynamic quantisation (onnxruntime's `quantize_dynamic`) takes one activation scale from the whole
batch, so a text was scored differently beside other texts: logits moved by up to 0.37 and one label
in a hundred flipped. Here the scales are measured once, on training texts, and products of integers
are exact in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from models.training.release.fuse import fuse

SHRINK = np.linspace(1.0, 0.2, 33)  # shares of the seen range that are tried as the limits
SAMPLE = 400_000  # values of an activation that choose its limits
TOKENS = 500  # whose products choose between the ways to tame loud channels
TAMED = (
    1.0,
    0.98,
    0.95,
    0.9,
    0.8,
)  # channels louder than this quantile of them are divided down to it
CUTS = (1.0, 0.85, 0.7)  # shares of the limits that are tried as well
_SEED = 5

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Linear:
    """A matrix product with constant weights, and the addition of its bias, in a graph.

    addition: None for a layer without biases; they are zeros then.
    """

    product: NodeProto
    addition: NodeProto | None
    source: str  # the activation that goes in
    weight: NDArray[np.float32]  # (in, out)
    bias: NDArray[np.float32]  # (out,)


@dataclass(frozen=True)
class Activation:
    """Integer form of an activation.

    divisor: (channels,); low, high: limits after the division.
    """

    divisor: Floats
    low: float
    high: float
    tokens: Floats  # (tokens, channels), some of its values

    def product(self, values: Floats, weight: Floats) -> Floats:
        """(tokens, out): `values @ weight` in integers."""
        scale, zero = scale_and_zero(self.low, self.high)
        stored = np.clip(np.rint(values / self.divisor / scale) + zero, 0, 255) - zero
        integers, weight_scale = quantised_weight(weight * self.divisor[:, None])
        product: Floats = (stored.astype(np.float32) @ integers.astype(np.float32)) * (
            scale * weight_scale
        )
        return product


def quantise(
    source: Path,
    target: Path,
    texts: Sequence[Sequence[int]],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write the INT8 form of an exported network, fused.

    texts: token ids of training texts that set the activation scales. on_progress: takes how many
    activations are done, of how many; most of the time goes into them.
    """
    graph = onnx.load(source)
    linears = list(_linears(graph))
    seen = activations(graph, {linear.source for linear in linears}, texts)
    activations_of: dict[str, Activation] = {}
    for name, values in seen.items():
        weights = [linear.weight for linear in linears if linear.source == name]
        activations_of[name] = choose(values, np.concatenate(weights, axis=1))
        on_progress(len(activations_of), len(seen))
    _replace(graph, linears, activations_of)
    _quantise_embeddings(graph)
    graph.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    fuse(graph)
    onnx.save(graph, target)


def activations(
    graph: onnx.ModelProto, names: Iterable[str], texts: Sequence[Sequence[int]]
) -> dict[str, Floats]:
    """The values (tokens, channels) that each named activation takes over the texts."""
    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    ordered = sorted(names)
    watched.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ordered
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    seen: dict[str, list[Floats]] = {name: [] for name in ordered}
    for ids in texts:
        row = np.array([ids], dtype=np.int64)
        outputs = session.run(ordered, {"input_ids": row, "attention_mask": np.ones_like(row)})
        for name, value in zip(ordered, outputs, strict=True):
            seen[name].append(np.asarray(value).reshape(-1, value.shape[-1]))
    return {name: np.concatenate(values) for name, values in seen.items()}


def choose(values: Floats, weight: Floats) -> Activation:
    """The form of an activation that changes the layer's output least, weights in INT8 as well.

    values: (tokens, channels), weight: (channels, out). One channel in hundreds is many times
    larger than the rest, and a scale that holds it rounds the rest away. So the loudest are divided
    and their weights multiplied, which cancels (after SmoothQuant, Xiao et al., 2023, which does so
    for every channel: here that was worse than nothing).
    """
    loud = np.abs(values).max(0).clip(min=1e-5)  # (channels,)
    tokens = values[:: max(1, len(values) // TOKENS)]
    exact = tokens @ weight
    candidates = []
    for share in TAMED:
        divisor = np.maximum(1, loud / np.quantile(loud, share)).astype(np.float32)
        low, high = best_limits((values / divisor).ravel())
        candidates += [Activation(divisor, low * cut, high * cut, tokens) for cut in CUTS]
    return min(
        candidates,
        key=lambda candidate: float(np.square(candidate.product(tokens, weight) - exact).mean()),
    )


def best_limits(values: NDArray[np.float32]) -> tuple[float, float]:
    """The limits between which 256 steps represent `values` best.

    They are a share of the smallest and the largest value.
    """
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if len(values) > SAMPLE:
        values = np.random.default_rng(_SEED).choice(values, SAMPLE, replace=False)
    candidates = [(low * below, high * above) for above in SHRINK for below in {above, 1.0}]
    return min(candidates, key=lambda limits: _squared_error(values, *limits))


def _squared_error(values: NDArray[np.float32], low: float, high: float) -> float:
    scale, zero = scale_and_zero(low, high)
    stored = np.clip(np.rint(values / scale) + zero, 0, 255)
    return float(np.square((stored - zero) * scale - values).mean())


def scale_and_zero(low: float, high: float) -> tuple[np.float32, np.uint8]:
    scale = np.float32(max(high - low, 1e-6) / 255)
    return scale, np.uint8(np.clip(np.rint(-low / scale), 0, 255))


def quantised_weight(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(in, out) weights as signed integers with a scale for every output channel."""
    scale = np.abs(weight).max(0) / np.float32(127)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale


def _linears(graph: onnx.ModelProto) -> Iterator[Linear]:
    """The encoder's linear layers. The heads are small and stay as they are."""
    constants = _constants_of(graph)
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for node in graph.graph.node:
        if (
            node.op_type != "MatMul"
            or not node.name.startswith("/encoder/")
            or node.input[1] not in constants
        ):
            continue
        weight = numpy_helper.to_array(constants[node.input[1]])
        addition, bias = _bias(node, readers, constants)
        yield Linear(
            product=node,
            addition=addition,
            source=node.input[0],
            weight=weight,
            bias=np.zeros(weight.shape[1], np.float32) if bias is None else bias,
        )


def _constants_of(graph: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """By every name: the exporter keeps one of equal constants, and copies it to the others."""
    constants = {constant.name: constant for constant in graph.graph.initializer}
    for node in graph.graph.node:
        if node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
    return constants


def _bias(
    product: NodeProto,
    readers: Mapping[str, list[NodeProto]],
    constants: Mapping[str, onnx.TensorProto],
) -> tuple[NodeProto | None, Floats | None]:
    """The addition of a constant row to the product, and that row; None where there is none."""
    following = readers.get(product.output[0], [])
    if len(following) != 1 or following[0].op_type != "Add":
        return None, None
    (addition,) = following
    for name in addition.input:
        if name in constants and len(constants[name].dims) == 1:
            return addition, numpy_helper.to_array(constants[name])
    return None, None


def _replace(
    graph: onnx.ModelProto, linears: Sequence[Linear], activations_of: dict[str, Activation]
) -> None:
    """Each linear layer by an integer product; a shared activation is quantised once."""
    instead: dict[str, list[NodeProto]] = {}
    done: set[str] = set()
    for number, linear in enumerate(linears):
        source = linear.source
        activation = activations_of[source]
        if source not in done:
            scale, zero = scale_and_zero(activation.low, activation.high)
            names = [f"{source}.{part}" for part in ("factor", "even", "scale", "zero", "int8")]
            factor, even, scale_name, zero_name, stored = names
            _constants(
                graph,
                {
                    factor: 1 / activation.divisor,
                    scale_name: np.asarray(scale),
                    zero_name: np.asarray(zero),
                },
            )
            instead.setdefault(linear.product.name, []).extend(
                [
                    helper.make_node("Mul", [source, factor], [even]),
                    helper.make_node("QuantizeLinear", [even, scale_name, zero_name], [stored]),
                ]
            )
            done.add(source)
        weight, weight_scale = quantised_weight(linear.weight * activation.divisor[:, None])
        lost = activation.tokens @ linear.weight - activation.product(
            activation.tokens, linear.weight
        )
        bias = linear.bias + lost.mean(0)  # what rounding takes away on average is given back
        _constants(
            graph, {f"w{number}": weight, f"w{number}.scale": weight_scale, f"w{number}.bias": bias}
        )
        product = helper.make_node(
            "MatMulIntegerToFloat",
            [
                f"{source}.int8",
                f"w{number}",
                f"{source}.scale",
                f"w{number}.scale",
                f"{source}.zero",
                "",
                f"w{number}.bias",
            ],
            [(linear.addition or linear.product).output[0]],
            name=f"{linear.product.name}_int8",
            domain="com.microsoft",
        )
        instead.setdefault(linear.product.name, []).append(product)
        if linear.addition is not None:
            instead[linear.addition.name] = []
    nodes = [new for node in graph.graph.node for new in instead.get(node.name, [node])]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    _drop_unused(graph)


def _quantise_embeddings(graph: onnx.ModelProto) -> None:
    """The word embeddings as integers with a scale for every word: half of the file's size."""
    table = max(graph.graph.initializer, key=lambda constant: int(np.prod(constant.dims)))
    (gather,) = [node for node in graph.graph.node if node.input and node.input[0] == table.name]
    rows, scale = quantised_weight(np.ascontiguousarray(numpy_helper.to_array(table).T))
    _constants(graph, {"words": np.ascontiguousarray(rows.T), "words.scale": scale[:, None]})
    ids, out = gather.input[1], gather.output[0]
    nodes = [
        helper.make_node("Gather", ["words", ids], ["words.rows"]),
        helper.make_node("Gather", ["words.scale", ids], ["words.rows.scale"]),
        helper.make_node("Cast", ["words.rows"], ["words.rows.float"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", ["words.rows.float", "words.rows.scale"], [out]),
    ]
    place = list(graph.graph.node).index(gather)
    remaining = [*graph.graph.node[:place], *nodes, *graph.graph.node[place + 1 :]]
    del graph.graph.node[:]
    graph.graph.node.extend(remaining)
    _drop_unused(graph)


def _constants(graph: onnx.ModelProto, arrays: dict[str, NDArray[np.generic]]) -> None:
    graph.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in arrays.items()
    )


def _drop_unused(graph: onnx.ModelProto) -> None:
    used = {name for node in graph.graph.node for name in node.input}
    used_constants = [constant for constant in graph.graph.initializer if constant.name in used]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(used_constants)
