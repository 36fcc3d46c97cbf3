"""How good a replier is on real pairs: what its models expect, what it writes, what the gate lets
through, how fast.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.analyzer import Analyzer
from models.evaluation.labelled_file import Row, read_labelled
from models.evaluation.metrics import EvaluationError
from models.redact import redact
from models.replier.conditions import Conditions
from models.replier.draft import Draft, ReplyRequest
from models.replier.replier import BATCH, SAMPLES, Replier
from models.replier.slots import ALLOWED, brand_names, unsigned

WHOLE = 160  # messages of which every written text is read
COLUMNS = ("customer_text", "agent_text")


@dataclass(frozen=True, slots=True)
class Answered:
    """A message as a request, and the reply that an agent gave."""

    request: ReplyRequest
    reply: str


def evaluate_replies(
    data: Path, analyzer: Analyzer, replier: Replier, *, seed: int = 0
) -> dict[str, Any]:
    """Measure on a CSV with the columns customer_text and agent_text, perhaps brand. Raises
    EvaluationError.
    """
    pairs = answered(read_answers(data), analyzer)
    requests = [pair.request for pair in pairs]
    drafts, milliseconds, processor = _drafted(replier, requests, seed)
    return {
        "model": replier.version,
        "data": data.name,
        "n": len(pairs),
        **perplexities(replier, pairs),
        **written_well([draft.text for draft in drafts], [pair.reply for pair in pairs]),
        **kept_to_policy(drafts, requests),
        "written_passing": written_passing(replier(requests[:WHOLE], n=SAMPLES, seed=seed)),
        "milliseconds": {
            "median": round(float(np.median(milliseconds)), 2),
            "p95": round(float(np.percentile(milliseconds, 95)), 2),
            "of_processor": round(float(np.median(processor)), 2),
            "load": round(os.getloadavg()[0], 1)
            if hasattr(os, "getloadavg")
            else None,  # the clock alone would mislead
            "batch": BATCH,
        },
    }


def read_answers(path: Path) -> list[Row]:
    """The rows that have both texts. Raises EvaluationError."""
    rows = [row for row in read_labelled(path, COLUMNS).rows if all(row[name] for name in COLUMNS)]
    if not rows:
        raise EvaluationError(f"{path}: it holds no pair of a customer's and an agent's text")
    return rows


def answered(rows: Sequence[Row], analyzer: Analyzer) -> list[Answered]:
    """The rows with what the analyzer makes of their messages, redacted as the stream does it."""
    texts = [redact(row.cells["customer_text"]) for row in rows]
    return [
        Answered(
            ReplyRequest(
                text=text,
                brand=row["brand"] or None,
                topic=analysis.topic.label if analysis.topic else None,
                sentiment=analysis.sentiment.label if analysis.sentiment else None,
                severity=analysis.severity,
            ),
            unsigned(row.cells["agent_text"]),
        )
        for text, row, analysis in zip(texts, rows, analyzer(texts), strict=True)
    ]


def perplexities(replier: Replier, pairs: Sequence[Answered]) -> dict[str, Any]:
    """Of the real replies, slotted: per token of the shared vocabulary, and per character of the
    same text.
    """
    tokens: dict[str, float] = dict.fromkeys(("gru", "ngram", "mix"), 0.0)
    count = characters = 0
    for start in range(0, len(pairs), 64):
        part = pairs[start : start + 64]
        names = [brand_names(pair.request.brand) for pair in part]
        messages = [
            replier.slots.message(pair.request.text, each)
            for pair, each in zip(part, names, strict=True)
        ]
        replies = [
            replier.slots.reply(pair.reply, message, each)
            for pair, message, each in zip(part, messages, names, strict=True)
        ]
        conditions = [
            Conditions(pair.request.brand, pair.request.topic, pair.request.sentiment)
            for pair in part
        ]
        gru, ngram, which = replier.mixture.of_replies(
            replier.subwords.encode([message.text for message in messages]),
            replier.vocabulary.ids(conditions),
            [ids or [0] for ids in replier.subwords.encode(replies)],
        )
        share = replier.mixture.share[which]
        for name, values in (
            ("gru", gru),
            ("ngram", ngram),
            ("mix", share * gru + (1 - share) * ngram),
        ):
            tokens[name] -= float(np.log(values.astype(np.float64)).sum())
        count += len(gru)
        characters += sum(map(len, replies))
    return {
        "perplexity": {
            name: round(float(np.exp(loss / count)), 3) for name, loss in tokens.items()
        },
        "perplexity_per_character": {
            name: round(float(np.exp(loss / max(characters, 1))), 4)
            for name, loss in tokens.items()
        },
    }


def written_well(drafts: Sequence[str], replies: Sequence[str]) -> dict[str, Any]:
    """distinct-1 and -2 (Li et al., 2016), ROUGE-L (F1, Lin 2004) and chrF (Popović, 2015) against
    the real replies.
    """
    words = [re.findall(r"\w+(?:'\w+)?", draft.lower()) for draft in drafts]
    return {
        "distinct_1": _distinct(words, 1),
        "distinct_2": _distinct(words, 2),
        "rouge_l": round(
            float(
                np.mean(
                    [
                        _rouge_l(one, re.findall(r"\w+(?:'\w+)?", reply.lower()))
                        for one, reply in zip(words, replies, strict=True)
                    ]
                )
            ),
            4,
        ),
        "chrf": chrf(drafts, replies),
    }


def chrf(drafts: Sequence[str], replies: Sequence[str]) -> float:
    """Corpus chrF2, 0 to 100. Raises EvaluationError without sacrebleu."""
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise EvaluationError(
            "evaluating replies needs one more package: pip install 'earshot[train]'"
        ) from None
    return round(float(CHRF().corpus_score(list(drafts), [list(replies)]).score), 2)


def kept_to_policy(drafts: Sequence[Draft], requests: Sequence[ReplyRequest]) -> dict[str, Any]:
    """Shares: of shown candidates that pass, of messages answered by the model, of its passing
    texts that invent.
    """
    candidates = [one for draft in drafts for one in draft.candidates if one.source == "model"]
    own = [
        (one.text, request)
        for draft, request in zip(drafts, requests, strict=True)
        for one in draft.candidates
        if one.source == "model" and one.passes
    ]
    rules: dict[str, int] = {}
    for one in candidates:
        for rule in {refusal.rule for refusal in one.refusals}:
            rules[rule] = rules.get(rule, 0) + 1
    return {
        "candidates_passing": round(
            sum(one.passes for one in candidates) / max(1, len(candidates)), 4
        ),
        "answered_by_model": round(
            sum(draft.candidates[0].source == "model" for draft in drafts) / len(drafts), 4
        ),
        "invented": round(sum(bool(invented(*one)) for one in own) / max(1, len(own)), 4),
        "refused_for": {
            rule: round(n / len(candidates), 4)
            for rule, n in sorted(rules.items(), key=lambda each: -each[1])
        },
    }


def written_passing(drafts: Sequence[Draft]) -> float:
    """The share that passes of all texts that were written, not only of those that are shown."""
    written = [one for draft in drafts for one in draft.candidates if one.source == "model"]
    return round(sum(one.passes for one in written) / max(1, len(written)), 4)


def invented(text: str, request: ReplyRequest) -> list[str]:
    """Numbers, links, handles and names in `text` that the message and the brand do not hold, told
    without the gate's word list: here every capital within a sentence is a name, unless it is an
    abbreviation that everybody uses.
    """
    known = f" {request.text} {' '.join(brand_names(request.brand))} ".casefold()
    said = re.findall(r"https?://\S+|www\.\S+|[@#]\w+|\b\w*\d\w*", text)
    said += re.findall(r"(?<=[\w,;:'\")] )[A-Z][\w'-]+", re.sub(r"[.!?…:] +\S+", ". ", text))
    return [
        one for one in said if one not in ALLOWED and one.casefold().removesuffix("'s") not in known
    ]


def _drafted(
    replier: Replier, requests: Sequence[ReplyRequest], seed: int
) -> tuple[list[Draft], list[float], list[float]]:
    """The drafts, and the milliseconds of each in its batch, by the clock and of processor time."""
    drafts: list[Draft] = []
    milliseconds: list[float] = []
    processor: list[float] = []
    replier(requests[:BATCH], seed=seed)  # the first run prepares what later ones use
    for start in range(0, len(requests), BATCH):
        batch, started, used = (
            requests[start : start + BATCH],
            time.perf_counter(),
            time.process_time(),
        )
        drafts += replier(batch, seed=seed)
        milliseconds += [(time.perf_counter() - started) * 1000 / len(batch)] * len(batch)
        processor += [(time.process_time() - used) * 1000 / len(batch)] * len(batch)
    return drafts, milliseconds, processor


def _distinct(texts: Sequence[Sequence[str]], n: int) -> float:
    grams = [tuple(words[at : at + n]) for words in texts for at in range(len(words) - n + 1)]
    return round(len(set(grams)) / max(1, len(grams)), 4)


def _rouge_l(draft: Sequence[str], reply: Sequence[str]) -> float:
    """The F1 of the longest common subsequence of words."""
    if not draft or not reply:
        return 0.0
    row = [0] * (len(reply) + 1)
    for word in draft:
        before = 0
        for at, other in enumerate(reply, start=1):
            before, row[at] = row[at], before + 1 if word == other else max(row[at], row[at - 1])
    return 2 * row[-1] / (len(draft) + len(reply))
