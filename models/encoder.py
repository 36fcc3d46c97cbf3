"""Encoder: texts to logits and embeddings.

Texts are tokenised, run in batches of like length and put back in order. A text's result depends
on that text alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from models.artifact import ArtifactError
from models.engine import Engine
from models.processor import has_exact_products
from models.text import normalize

Floats = NDArray[np.float32]

# Kernels sum in another order for widths that are no multiple of eight: the last bit differs. With
# such widths, and as many rows as an engine needs, a row came out the same, bit for bit, in any
# batch, place, padding and thread count.
WIDTH_STEP = 8
# Tokens that could be read in the time that a run takes whatever is in it: the fewer, the slower
# tokens are read. `make bench-runs` measured 6 where products are taken exactly (AVX2), 20 to 29
# on a processor with VNNI; there, of 7, 15, 30 and 60, 30 took least.
RUN_COST = 30 if has_exact_products() else 6
# Costs of a run that a half holds which is worth one: one more costs at most a seventh of both.
LEAST_HALF = 3


class Outputs(NamedTuple):
    """What the network says about n texts. Logits, uncalibrated; embeddings of unit length.

    A network without one of the outputs after `embedding` gives none of its columns.
    """

    sentiment: Floats  # (n, 3) negative, neutral, positive
    complaint: Floats  # (n, 2) no, yes
    severity: Floats  # (n, 5)
    embedding: Floats  # (n, dim)
    topic: Floats  # (n, topics)
    problem: Floats  # (n, problems)
    # (n, tokens of the longest) that a token shows what a complaint is about; -inf after a text's
    # end
    cause: Floats
    strange: Floats  # (n, 1) that a text is like none that the network has learned from
    level: Floats  # (n, 4) that it is at least P4, P3, P2, P1: a logit each
    reason: Floats  # (n, reasons) that each holds: a logit each
    state: Floats  # (n, 3) open, waiting, settled


REQUIRED = ("sentiment", "complaint", "severity", "embedding")
WIDTHS = {"sentiment": 3, "complaint": 2, "severity": 5}  # where no text says how wide they are


class Reading(NamedTuple):
    """What the network says about n normalised texts, and how each was cut into tokens."""

    outputs: Outputs
    encodings: list[Encoding]  # of each text; `offsets`: (start, end) of each token of `cause`


class Reader(Protocol):
    """What reads texts as `Encoder` does."""

    def __call__(self, texts: Sequence[str]) -> Outputs: ...
    def read(self, normalised: Sequence[str]) -> Reading: ...


class Encoder:
    """An engine and its tokenizer. max_tokens: longer texts are cut. batch: rows of
    one run, at most.

    Raises ArtifactError when a file cannot be loaded.
    """

    def __init__(
        self, model: Path, tokenizer: Path, *, max_tokens: int, threads: int = 2, batch: int = 32
    ) -> None:
        try:
            self._engine = Engine(model, threads=threads)
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
            outputs = self._engine.outputs
            if missing := [name for name in REQUIRED if name not in outputs]:
                raise ValueError(f"its graph has no output {' and '.join(missing)}")
        except (
            Exception
        ) as error:  # all libraries raise bare Exceptions of their own for a file they cannot read
            reason = " ".join(str(error).split())[:200]
            raise ArtifactError(
                f"model directory {model.parent}: it cannot be loaded ({reason})"
            ) from None
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._names = [name for name in Outputs._fields if name in outputs]
        self.batch = max(batch, self._engine.fewest_rows)

    def __call__(self, texts: Sequence[str]) -> Outputs:
        """What the network says about each text, in order."""
        return self.read([normalize(text) for text in texts]).outputs

    def read(self, normalised: Sequence[str]) -> Reading:
        """The same of texts that `normalize` made, with their tokens. Texts that are alike are run
        once.
        """
        distinct = {text: row for row, text in enumerate(dict.fromkeys(normalised))}
        if not distinct:
            nothing = (np.zeros((0, WIDTHS.get(name, 0)), np.float32) for name in Outputs._fields)
            return Reading(Outputs(*nothing), [])
        encodings = self._tokenizer.encode_batch(list(distinct))
        outputs = self._run([encoding.ids for encoding in encodings])
        if len(distinct) == len(normalised):
            return Reading(outputs, encodings)
        rows = [distinct[text] for text in normalised]
        return Reading(
            Outputs(*(values[rows] for values in outputs)), [encodings[row] for row in rows]
        )

    def _run(self, tokens: Sequence[list[int]]) -> Outputs:
        lengths = [len(ids) for ids in tokens]
        fewest = self._engine.fewest_rows
        runs = shared(list(groups(lengths, self.batch, fewest)), self._engine.threads, fewest)
        feeds = [padded([tokens[row] for row in rows], width, fewest) for rows, width in runs]
        parts = [
            self._part([lengths[row] for row in rows], values, max(lengths))
            for (rows, _), values in zip(
                runs, self._engine.run_all(self._names, feeds), strict=True
            )
        ]
        back = np.argsort([row for rows, _ in runs for row in rows])
        none = np.zeros((len(tokens), 0), np.float32)
        joined = {
            name: np.concatenate([part[name] for part in parts])[back] for name in self._names
        }
        return Outputs(*(joined.get(name, none) for name in Outputs._fields))

    def _part(
        self, lengths: Sequence[int], values: Sequence[Floats], longest: int
    ) -> dict[str, Floats]:
        """What a run said of its texts, by output. lengths: tokens of each text."""
        part = {
            name: value[: len(lengths)] for name, value in zip(self._names, values, strict=True)
        }
        if "cause" in part:
            part["cause"] = _ended(part["cause"], lengths, longest)
        return part


def _ended(values: Floats, lengths: Sequence[int], longest: int) -> Floats:
    """(rows, width) values of tokens as (rows, longest), -inf after the end of each text."""
    ended = np.full((len(values), longest), -np.inf, np.float32)
    for row, length in enumerate(lengths):
        ended[row, :length] = values[row, :length]
    return ended


def groups(
    lengths: Sequence[int], batch: int, fewest: int, cost: int = RUN_COST
) -> Iterator[tuple[list[int], int]]:
    """(rows, width) of runs of at most `batch` texts, of one width, a multiple of eight.

    A few texts wait for the next width where padding them costs less than a run of their own, which
    takes `fewest` rows even for a lone text, and `cost` tokens whatever it holds.
    """
    widths: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        widths.setdefault(-(-length // WIDTH_STEP) * WIDTH_STEP, []).append(row)
    rows: list[int] = []
    ordered = sorted(widths)
    for width, wider in zip(ordered, [*ordered[1:], None], strict=True):
        rows = sorted([*rows, *widths[width]])
        whole = len(rows) // batch * batch
        for start in range(0, whole, batch):
            yield rows[start : start + batch], width
        rows = rows[whole:]
        spared = cost + (fewest - 1) * width * (len(rows) == 1)
        if rows and (wider is None or len(rows) * (wider - width) > spared):
            yield rows, width
            rows = []


def shared(
    runs: Sequence[tuple[list[int], int]], cores: int, fewest: int, cost: int = RUN_COST
) -> list[tuple[list[int], int]]:
    """The runs, the largest of fewer than `cores` halved, so that no core is idle, where its halves
    hold enough tokens for a run that costs as much as `cost` of them.
    """
    shares = list(runs)
    while shares and len(shares) < cores:
        at = max(range(len(shares)), key=lambda run: len(shares[run][0]) * shares[run][1])
        rows, width = shares[at]
        middle = len(rows) // 2
        if middle < fewest or middle * width < LEAST_HALF * cost:
            break
        shares[at : at + 1] = [(rows[:middle], width), (rows[middle:], width)]
    return shares


def padded(tokens: Sequence[list[int]], width: int, fewest: int) -> dict[str, NDArray[np.int64]]:
    """An engine's input, (rows, width), with at least `fewest` rows; a row without text attends
    to itself.
    """
    ids = np.zeros((max(len(tokens), fewest), width), dtype=np.int64)
    mask = np.zeros_like(ids)
    mask[:, 0] = 1
    for row, text in enumerate(tokens):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return {"input_ids": ids, "attention_mask": mask}
