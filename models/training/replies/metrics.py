"""Figures of a released replier on held-out conversations, a rival's chrF, and thirty drafts."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analyzer import Analyzer
from models.evaluation.labelled_file import Row
from models.evaluation.replies import Answered, answered, chrf, evaluate_replies, read_answers
from models.redact import redact
from models.replier.replier import Replier
from models.replier.slots import brand_names, filled, unsigned
from models.training.replies.data import Pair

SAMPLES = 30


def write_held_out(pairs: Sequence[Pair], path: Path, count: int, seed: int) -> None:
    """`count` pairs, drawn by `seed`, as `earshot evaluate replies --data` reads them."""
    sample = random.Random(seed).sample(list(pairs), min(count, len(pairs)))  # noqa: S311 (no secret)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("conversation", "brand", "customer_text", "agent_text"))
        writer.writerows(
            (pair.conversation, pair.brand, pair.customer, pair.agent) for pair in sample
        )


def figures(
    folder: Path, held_out: Path, learned: Sequence[Pair], analyzer: Analyzer
) -> dict[str, Any]:
    """Figures of `evaluate replies`, the chrF of the nearest past reply, and thirty drafts."""
    replier = Replier(folder)
    pairs = answered(read_answers(held_out), analyzer)
    return {
        **evaluate_replies(held_out, analyzer, replier),
        "chrf_of_nearest_past_reply": rival(replier, pairs, learned, analyzer),
        "shown": samples(replier, read_answers(held_out), pairs),
    }


def rival(
    replier: Replier, pairs: Sequence[Answered], learned: Sequence[Pair], analyzer: Analyzer
) -> float:
    """The chrF of the reply to the past message that is nearest to each."""
    nearest = retrieved([pair.request.text for pair in pairs], learned, analyzer)
    refilled = [
        _refilled(replier, learned[place], pair.request.text, pair.request.brand)
        for place, pair in zip(nearest, pairs, strict=True)
    ]
    return chrf(refilled, [pair.reply for pair in pairs])


def samples(
    replier: Replier, rows: Sequence[Row], pairs: Sequence[Answered]
) -> list[dict[str, Any]]:
    """The drafts for the first pairs, with the gate's verdicts."""
    drafts = replier([pair.request for pair in pairs[:SAMPLES]])
    return [
        {
            "row": row["conversation"],
            "brand": pair.request.brand,
            "topic": pair.request.topic,
            "sentiment": pair.request.sentiment,
            "severity": pair.request.severity,
            "candidates": [
                [candidate.text, candidate.source, [refusal.rule for refusal in candidate.refusals]]
                for candidate in draft.candidates
            ],
        }
        for row, pair, draft in zip(rows, pairs, drafts, strict=False)
    ]


def retrieved(
    texts: Sequence[str], learned: Sequence[Pair], analyzer: Analyzer
) -> NDArray[np.int64]:
    """For each text, the pair whose message has the nearest embedding by the shipped encoder."""
    known = _embedded([pair.customer for pair in learned], analyzer)
    queries = _embedded(texts, analyzer)
    chunks = np.array_split(queries, max(1, len(queries) // 64))
    nearest: NDArray[np.int64] = np.concatenate([(known @ chunk.T).argmax(0) for chunk in chunks])
    return nearest


def _embedded(texts: Sequence[str], analyzer: Analyzer) -> NDArray[np.float32]:
    """(texts, 384) of unit length; zeros where the analyzer abstains."""
    rows = []
    for start in range(0, len(texts), 512):
        for analysis in analyzer([redact(text) for text in texts[start : start + 512]]):
            vector = analysis.embedding
            rows.append(np.zeros(384, dtype=np.float16) if vector is None else vector)
    return np.stack(rows).astype(np.float32)


def _refilled(replier: Replier, past: Pair, message: str, brand: str | None) -> str:
    """A past reply with another message's particulars, or as it was where they do not fit."""
    names = brand_names(past.brand)
    slotted = replier.slots.reply(past.agent, replier.slots.message(past.customer, names), names)
    text = filled(slotted, replier.slots.message(message, brand_names(brand)), brand)
    return text or unsigned(past.agent)
