"""Changes of the traced graph of the replier: INT8 products, scores of words, half floats."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.replier.network import TOP

SMALLEST = 1024  # smaller tensors stay in full precision
EXACT = 1e-4  # of a step: what lies so near to a whole number is one
STEPS = 63  # of a weight, to either side of nothing: seven bits, for AVX2 adds pairs in sixteen
CONTRIBUTED = "com.microsoft"  # ONNX Runtime's own operators

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


def in_integers(graph: onnx.GraphProto, weights: frozenset[str]) -> None:
    """Products with these weights, in place, in INT8: each column by a scale of its own.

    What comes in must lie between -1 and 1 (a GRU's state, a tanh): its scale is fixed, and no row
    depends on another.
    """
    for node in [
        node for node in graph.node if node.op_type == "MatMul" and node.input[1] in weights
    ]:
        name = node.input[1]
        weight = next(node for node in graph.initializer if node.name == name)
        _put_whole(graph, name, numpy_helper.to_array(weight), by_chance=True)
        graph.initializer.remove(weight)
        place = list(graph.node).index(node)
        graph.node.remove(node)
        graph.node.insert(place, _product(f"{node.input[0]}.whole", name, node.output[0]))
        graph.node.insert(place, _rounded(node.input[0]))
    for name, value in (("one.scale", np.float32(1 / 127)), ("one.zero", np.uint8(128))):
        graph.initializer.append(numpy_helper.from_array(np.array(value), name))


def with_scores(graph: onnx.GraphProto, words: Floats, likely: Ids) -> None:
    """Add the outputs `which`, `best` and `scores` to the graph of `merged`.

    which: the likeliest of the words `likely`; best: their log probabilities; scores: those of all
    words, where the input `all` asks for them. words: (embedding, words).
    """
    _put_whole(graph, "words", words)
    count = min(TOP, len(likely))
    for name, value in (("likely", likely), ("best.count", np.array([count]))):
        graph.initializer.append(numpy_helper.from_array(value.astype(np.int64), name))
    graph.initializer.append(numpy_helper.from_array(np.zeros((1, 1), dtype=np.float32), "nothing"))
    all_scores = helper.make_graph(
        [
            _product("merged.whole", "words", "logits"),
            helper.make_node("LogSoftmax", ["logits"], ["told"], axis=-1),
        ],
        "all",
        [],
        [helper.make_tensor_value_info("told", TensorProto.FLOAT, ["rows", words.shape[1]])],
    )
    no_scores = helper.make_graph(
        [helper.make_node("Identity", ["nothing"], ["untold"])],
        "none",
        [],
        [helper.make_tensor_value_info("untold", TensorProto.FLOAT, [1, 1])],
    )
    graph.node.extend(
        [
            _rounded("merged"),
            helper.make_node("Gather", ["words.whole", "likely"], ["few.whole"], axis=1),
            helper.make_node("Gather", ["words.scale", "likely"], ["few.scale"]),
            _product("merged.whole", "few", "few.logits"),
            helper.make_node("LogSoftmax", ["few.logits"], ["few.scores"], axis=-1),
            helper.make_node("TopK", ["few.scores", "best.count"], ["best", "places"], axis=-1),
            helper.make_node("Gather", ["likely", "places"], ["which"]),
            helper.make_node(
                "If", ["all"], ["scores"], then_branch=all_scores, else_branch=no_scores
            ),
        ]
    )
    graph.input.append(helper.make_tensor_value_info("all", TensorProto.BOOL, []))
    merged = next(node for node in graph.output if node.name == "merged")
    graph.output.remove(merged)
    for name, kind in (("best", TensorProto.FLOAT), ("which", TensorProto.INT64)):
        graph.output.append(helper.make_tensor_value_info(name, kind, ["rows", count]))
    graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, None))


def halved(graph: onnx.GraphProto) -> None:
    """Large weights as half floats, each cast back once when the session is made."""
    casts = []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < SMALLEST:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for place, cast in enumerate(casts):
        graph.node.insert(place, cast)


def weights_of(graph: onnx.GraphProto) -> dict[str, Floats]:
    """By the names of the traced graph; half floats widened, INT8 as the numbers it stands for."""
    stored = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    weights = {
        name.removesuffix(".half"): value.astype(np.float32)
        for name, value in stored.items()
        if value.dtype in (np.float32, np.float16)
    }
    for name in [
        name.removesuffix(".scale")
        for name in weights
        if f"{name.removesuffix('.scale')}.whole" in stored
    ]:
        weights[name] = stored[f"{name}.whole"].astype(np.float32) * weights[f"{name}.scale"]
    return weights


def _put_whole(
    graph: onnx.GraphProto, name: str, values: Floats, *, by_chance: bool = False
) -> None:
    """Add a weight in INT8. by_chance: rounded up or down by how near each is.

    Weights of a served network stand on its steps: to the nearest one, all changes of a short run
    on a few edits would be lost.
    """
    scale = np.maximum(np.abs(values).max(0), 1e-6).astype(np.float32) / STEPS
    steps = values / scale
    whole = np.rint(steps)
    if by_chance:
        chance = np.random.default_rng(len(values)).random(values.shape, dtype=np.float32)
        whole = np.where(np.abs(steps - whole) < EXACT, whole, np.floor(steps + chance))
    whole = np.clip(whole, -STEPS, STEPS).astype(np.int8)
    graph.initializer.append(numpy_helper.from_array(whole, f"{name}.whole"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))


def _rounded(name: str) -> onnx.NodeProto:
    return helper.make_node("QuantizeLinear", [name, "one.scale", "one.zero"], [f"{name}.whole"])


def _product(whole: str, weight: str, result: str) -> onnx.NodeProto:
    inputs = [whole, f"{weight}.whole", "one.scale", f"{weight}.scale", "one.zero"]
    return helper.make_node("MatMulIntegerToFloat", inputs, [result], domain=CONTRIBUTED)
