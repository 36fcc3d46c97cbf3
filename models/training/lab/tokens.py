"""Token ids of texts as a network of the lab reads them, and its logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from models.sentiment_classifier import Reading
from models.training.errors import TrainingError

WIDTH = 8  # tokens; a batch is a multiple wide
BATCH = 32

Floats = NDArray[np.float32]


class TokensError(TrainingError):
    """The base cannot be read with."""


class Tokens:
    """Tokenizer and reading of a network, shared by training, comparison and serving."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, reading: Reading) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise TokensError("the base has no fast tokenizer (tokenizer.json)")
        backend.no_padding()
        backend.no_truncation()
        self.tokenizer, self.reading, self.backend = tokenizer, reading, backend
        self._pad = int(getattr(tokenizer, "pad_token_id", None) or 0)

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        reading = self.reading
        encodings = self.backend.encode_batch([reading.text(text) for text in texts])
        return [reading.cut(encoding.ids) for encoding in encodings]

    def tensors(self, ids: Sequence[list[int]], device: Any = "cpu") -> dict[str, torch.Tensor]:
        """Token ids and their mask, (batch, width)."""
        width = -(-max(map(len, ids)) // WIDTH) * WIDTH
        lengths = torch.tensor([len(row) for row in ids])
        padded = torch.tensor([row + [self._pad] * (width - len(row)) for row in ids])
        mask = torch.arange(width)[None, :] < lengths[:, None]
        return {"input_ids": padded.to(device), "attention_mask": mask.long().to(device)}


def groups(ids: Sequence[list[int]], batch: int) -> list[list[int]]:
    """Rows of like length."""
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    return [order[at : at + batch] for at in range(0, len(order), batch)]


def logits_of(model: Any, tokens: Tokens, ids: Sequence[list[int]]) -> Floats:
    """(texts, classes), in order, of a network on this process alone, in full precision."""
    device = next(model.parameters()).device
    model.eval()
    logits: dict[int, list[float]] = {}
    for rows in groups(ids, BATCH):
        with torch.inference_mode():
            outputs = model(**tokens.tensors([ids[row] for row in rows], device))
        logits |= dict(zip(rows, outputs.logits.float().tolist(), strict=True))
    in_order = [logits[row] for row in range(len(ids))]
    return np.array(in_order, dtype=np.float32).reshape(len(ids), -1)
