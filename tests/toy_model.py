"""A model for tests about Kafka and Postgres: inputs and outputs of the shipped one, and hardly any
computing.

It counts words: naive Bayes over the examples and the taxonomy's phrases that come with earshot,
written as one ONNX graph. All its weights are whole numbers, so that a text's result depends on
that text alone, in any batch.
"""

from __future__ import annotations

import atexit
import json
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import log
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from models.artifact import FORMAT, MODEL, STORY, TOKENIZER, sha256
from models.examples.kernel import LEVELS, read_examples
from models.taxonomy.classifier import read_taxonomy

VERSION = "toy"
DIM, USED = (
    384,
    32,
)  # of the embedding: as wide as the column that keeps it, and zero from some point on
MAX_TOKENS = 192
SCALE = 16  # whole numbers of this part of a nat
OPENS, ENDS, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
GLAD = (
    "thank",
    "thanks",
    "great",
    "love",
    "lovely",
    "awesome",
    "amazing",
    "best",
    "wonderful",
    "good",
    "kind",
)

Table = NDArray[np.int8]  # (words, classes)
Labelled = Sequence[tuple[str, str]]  # (text, class)


@cache
def toy_model() -> Path:
    """Its directory, made once a process and gone with it."""
    folder = Path(tempfile.mkdtemp(prefix="earshot-toy-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_toy_model(folder)
    return folder


def write_toy_model(folder: Path, *, version: str = VERSION, unheard: Sequence[str] = ()) -> None:
    """unheard: words that its tokenizer has and its network has not: a text with one of them cannot
    be run.
    """
    examples, taxonomy = read_examples(), read_taxonomy()
    needs = [(example.text, "no" if example.level == "none" else "yes") for example in examples]
    glad = [(word, "positive") for word in GLAD] * 10
    moods = [(text, "negative" if need == "yes" else "neutral") for text, need in needs] + glad
    topics = [(phrase, topic.name) for topic in taxonomy.topics for phrase in topic.phrases]
    problems = [
        (phrase, problem.name) for problem in taxonomy.problems for phrase in problem.phrases
    ]
    heads: dict[str, tuple[tuple[str, ...], Labelled]] = {
        "sentiment": (("negative", "neutral", "positive"), moods),
        "complaint": (("no", "yes"), needs),
        "severity": (
            LEVELS[::-1],
            [(example.text, example.level) for example in examples],
        ),  # none is 0, P1 is 4
        "topic": (taxonomy.topic_names, topics),
        "problem": (taxonomy.problem_names, problems),
    }
    vocabulary = _vocabulary([text for _, labelled in heads.values() for text, _ in labelled])
    tables = {
        name: _weights(vocabulary, classes, labelled) for name, (classes, labelled) in heads.items()
    }
    tables["embedding"] = _places(vocabulary)
    tables["cause"] = tables["complaint"][:, 1:] - tables["complaint"][:, :1]
    onnx.save(_network(tables), str(folder / MODEL))
    _tokenizer([*vocabulary, *unheard]).save(str(folder / TOKENIZER))
    story = {
        "format": FORMAT,
        "version": version,
        "languages": ["en"],
        "labels": {name: list(classes) for name, (classes, _) in heads.items()}
        | {"severity": [0, 1, 2, 3, 4]},
        "temperatures": dict.fromkeys(heads, 2.0 * SCALE),
        "max_tokens": MAX_TOKENS,
        "topic_threshold": 0.5,
        "problem_threshold": 0.5,
        "files": {name: sha256(folder / name) for name in (MODEL, TOKENIZER)},
    }
    (folder / STORY).write_text(json.dumps(story))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]+", text.lower())


def _vocabulary(texts: Sequence[str]) -> list[str]:
    """Words that are said more than once."""
    counts = Counter(word for text in texts for word in _words(text))
    return [UNKNOWN, OPENS, ENDS, *sorted(word for word, times in counts.items() if times > 1)]


def _weights(vocabulary: Sequence[str], classes: Sequence[str], labelled: Labelled) -> Table:
    """(words, classes) what a word adds to each class, by how often it is said there; nothing for
    the marks.
    """
    counts = {name: Counter[str]() for name in classes}
    for text, name in labelled:
        counts[name].update(_words(text))
    everywhere = sum(counts.values(), Counter[str]())
    total = everywhere.total() + len(vocabulary)
    table = np.zeros((len(vocabulary), len(classes)), np.int8)
    for column, name in enumerate(classes):
        own = counts[name].total() + len(vocabulary)
        for row, word in enumerate(vocabulary[3:], start=3):
            ratio = (counts[name][word] + 1) / own / ((everywhere[word] + 1) / total)
            table[row, column] = _whole(log(ratio))
    return table


def _whole(nats: float) -> int:
    return round(min(max(SCALE * nats, -100), 100))


def _places(vocabulary: Sequence[str]) -> Table:
    """(words, USED) a direction for each word; all texts share the one of the opening mark."""
    chance = random.Random(2015)
    table = np.array([[chance.choice((-1, 1)) for _ in range(USED)] for _ in vocabulary], np.int8)
    table[0] = table[2] = 0
    return table


def _network(tables: dict[str, Table]) -> onnx.ModelProto:
    """Token ids to the sums of what the tokens add: gather, mask, add up."""
    constants, nodes, outputs = {"of_tokens": np.array([1]), "apart": np.array([2])}, [], []
    nodes.append(helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT))
    nodes.append(helper.make_node("Unsqueeze", ["mask", "apart"], ["mask_of_each"]))
    for name, table in tables.items():
        constants[f"{name}.table"] = table
        nodes.append(
            helper.make_node("Cast", [f"{name}.table"], [f"{name}.weights"], to=TensorProto.FLOAT)
        )
        nodes.append(
            helper.make_node("Gather", [f"{name}.weights", "input_ids"], [f"{name}.added"])
        )
        nodes.append(helper.make_node("Mul", [f"{name}.added", "mask_of_each"], [f"{name}.read"]))
    for name in tables.keys() - {"embedding", "cause"}:
        nodes.append(
            helper.make_node("ReduceSum", [f"{name}.read", "of_tokens"], [name], keepdims=0)
        )
    nodes.append(
        helper.make_node("ReduceSum", ["embedding.read", "of_tokens"], ["place"], keepdims=0)
    )
    nodes.append(helper.make_node("Mul", ["place", "place"], ["squares"]))
    nodes.append(helper.make_node("ReduceSum", ["squares", "of_tokens"], ["square"], keepdims=1))
    constants["least"] = np.array(1, np.float32)
    nodes.append(helper.make_node("Max", ["square", "least"], ["some"]))
    nodes.append(helper.make_node("Sqrt", ["some"], ["length"]))
    nodes.append(helper.make_node("Div", ["place", "length"], ["direction"]))
    constants["to_the_right"] = np.array([0, 0, 0, DIM - USED])
    nodes.append(helper.make_node("Pad", ["direction", "to_the_right"], ["embedding"]))
    nodes.append(helper.make_node("Squeeze", ["cause.read", "apart"], ["cause"]))
    nodes.append(
        helper.make_node("ReduceMin", ["mask", "of_tokens"], ["strange"], keepdims=1)
    )  # at most 1: no text is
    for name, table in tables.items():
        width = {"cause": "tokens", "embedding": DIM}.get(name, table.shape[1])
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["texts", width]))
    outputs.append(helper.make_tensor_value_info("strange", TensorProto.FLOAT, ["texts", 1]))
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    initializers = [
        numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()
    ]
    graph = helper.make_graph(nodes, VERSION, inputs, outputs, initializers)
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(network)
    return network


def _tokenizer(vocabulary: Sequence[str]) -> Tokenizer:
    ids = {word: row for row, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{OPENS} $A {ENDS}", special_tokens=[(OPENS, ids[OPENS]), (ENDS, ids[ENDS])]
    )
    return tokenizer
