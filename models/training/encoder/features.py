"""Inputs of a released model's heads, read once and stored, so that heads learn in a minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from tokenizers import Tokenizer

from models.artifact import MODEL, TOKENIZER
from models.encoder import groups, padded
from models.engine import Engine
from models.training.corpus.data import text_hash

Floats = NDArray[np.float32]
Seen = Mapping[str, Floats]  # task -> (texts, 2 x dim): what its query saw and the first token
Print = Callable[[str], None]

FILE_TEXTS = 500  # texts of one file


class Features:
    """Inputs of the heads `tasks` of a model directory, stored in `folder`.

    An interrupted reading goes on. longest: tokens that are read; a folder keeps what one number
    gave.
    """

    def __init__(self, start: Path, tasks: Sequence[str], folder: Path, *, longest: int) -> None:
        graph = onnx.load(start / MODEL)
        feeds = [input_of(graph, task) for task in tasks]
        outputs = {output.name for output in graph.graph.output}
        graph.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in feeds
            if name not in outputs
        )
        self._engine = Engine(graph.SerializeToString(), threads=1)
        self._tokenizer = Tokenizer.from_file(str(start / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest)
        self._tasks, self._feeds, self._folder = tuple(tasks), feeds, folder

    def read(self, texts: Sequence[str]) -> dict[str, Floats]:
        """The inputs of each head for normalised texts, in order, as the served graph has them."""
        encodings = self._tokenizer.encode_batch(list(texts))
        tokens = [encoding.ids for encoding in encodings]
        inputs: dict[str, Floats] = {}
        fewest = self._engine.fewest_rows
        for rows, wide in groups([len(ids) for ids in tokens], 32, fewest):
            feed = padded([tokens[row] for row in rows], wide, fewest)
            values = self._engine.run(self._feeds, feed)
            for task, value in zip(self._tasks, values, strict=True):
                into = inputs.setdefault(task, np.zeros((len(tokens), value.shape[-1]), np.float32))
                into[rows] = value[: len(rows)]
        return inputs

    def cached(self, texts: Sequence[str], say: Print = print) -> dict[str, Floats]:
        """As `read`, from the folder where a text was read before; in half precision."""
        self._folder.mkdir(parents=True, exist_ok=True)
        known: dict[str, tuple[Path, int]] = {}
        for path in sorted(self._folder.glob("*.npz")):
            with np.load(path) as part:
                known |= {key: (path, row) for row, key in enumerate(part["keys"].tolist())}
        by_key = {text_hash(text): text for text in texts}
        missing = [key for key in by_key if key not in known]
        for begin in range(0, len(missing), FILE_TEXTS):
            keys = missing[begin : begin + FILE_TEXTS]
            path = self._folder / f"{keys[0]}.npz"
            part = {
                task: value.astype(np.float16)
                for task, value in self.read([by_key[key] for key in keys]).items()
            }
            np.savez(path, keys=np.array(keys), **part)
            known |= {key: (path, row) for row, key in enumerate(keys)}
            say(f"read {min(begin + FILE_TEXTS, len(missing)):,} of {len(missing):,} texts")
        return self._gathered([known[text_hash(text)] for text in texts])

    def _gathered(self, places: Sequence[tuple[Path, int]]) -> dict[str, Floats]:
        by_file: dict[Path, list[int]] = {}
        for number, (path, _) in enumerate(places):
            by_file.setdefault(path, []).append(number)
        inputs: dict[str, Floats] = {}
        for path, numbers in by_file.items():
            rows = [places[number][1] for number in numbers]
            with np.load(path) as part:
                for task in self._tasks:
                    value = part[task][rows]
                    into = inputs.setdefault(
                        task, np.zeros((len(places), value.shape[-1]), np.float32)
                    )
                    into[numbers] = value
        return inputs


def input_of(graph: onnx.ModelProto, task: str) -> str:
    """The tensor (batch, 2 x dim) that the head of `task` reads."""
    weight = f"{task}.mix.weight"
    return next(str(node.input[0]) for node in graph.graph.node if weight in node.input)
