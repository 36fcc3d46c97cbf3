"""Figures of a replier on real pairs: perplexity, texts, the gate's verdicts, and speed."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.analyzer import Analyzer
from models.evaluation.labelled_file import Row, read_labelled
from models.evaluation.metrics import EvaluationError, OnJudged
from models.redact import redact
from models.replier.conditions import Conditions
from models.replier.draft import Candidate, Draft, ReplyRequest
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
    data: Path,
    analyzer: Analyzer,
    replier: Replier,
    *,
    seed: int = 0,
    on_judged: OnJudged | None = None,
) -> dict[str, Any]:
    """Measure on a CSV with customer_text and agent_text, perhaps brand. Raises EvaluationError.

    on_judged: gets every message, redacted, with its agent's reply and the draft; right is a draft
    that the gate lets pass and that a model wrote, not a template.
    """
    pairs = answered(read_answers(data), analyzer)
    requests = [pair.request for pair in pairs]
    drafts, milliseconds, processor = _drafted(replier, requests, seed)
    if on_judged is not None:
        for pair, draft in zip(pairs, drafts, strict=True):
            first = draft.candidates[0]
            right = first.source == "model" and first.passes
            on_judged(pair.request.text, "reply", pair.reply, first.text, right=right)
    return {
        "model": replier.version,
        "data": data.name,
        "n": len(pairs),
        **perplexities(replier, pairs),
        **written_well([draft.text for draft in drafts], [pair.reply for pair in pairs]),
        **policy_figures(drafts, requests),
        "written_passing": written_passing(replier(requests[:WHOLE], n=SAMPLES, seed=seed)),
        "milliseconds": {
            "median": round(float(np.median(milliseconds)), 2),
            "p95": round(float(np.percentile(milliseconds, 95)), 2),
            "of_processor": round(float(np.median(processor)), 2),
            "load": _load(),  # the clock alone would mislead
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
    """Perplexities of the real replies, slotted: per token, and per character of the same text.

    The tokens are those of the shared vocabulary.
    """
    tokens: dict[str, float] = dict.fromkeys(("gru", "ngram", "mix"), 0.0)
    count = characters = 0
    for start in range(0, len(pairs), 64):
        part = pairs[start : start + 64]
        names = [brand_names(pair.request.brand) for pair in part]
        messages = [
            replier.slots.message(pair.request.text, brand)
            for pair, brand in zip(part, names, strict=True)
        ]
        replies = [
            replier.slots.reply(pair.reply, message, brand)
            for pair, message, brand in zip(part, messages, names, strict=True)
        ]
        conditions = [
            Conditions(pair.request.brand, pair.request.topic, pair.request.sentiment)
            for pair in part
        ]
        gru, ngram, components = replier.mixture.of_replies(
            replier.subwords.encode([message.text for message in messages]),
            replier.vocabulary.ids(conditions),
            [ids or [0] for ids in replier.subwords.encode(replies)],
        )
        share = replier.mixture.share[components]
        mix = share * gru + (1 - share) * ngram
        for name, values in (("gru", gru), ("ngram", ngram), ("mix", mix)):
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
    """distinct-1 and -2 of the drafts, ROUGE-L and chrF against the real replies.

    After Li et al. (2016), Lin (2004; F1) and Popović (2015).
    """
    words = [_words(draft) for draft in drafts]
    rouge = [_rouge_l(draft, _words(reply)) for draft, reply in zip(words, replies, strict=True)]
    return {
        "distinct_1": _distinct(words, 1),
        "distinct_2": _distinct(words, 2),
        "rouge_l": round(float(np.mean(rouge)), 4),
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


def policy_figures(drafts: Sequence[Draft], requests: Sequence[ReplyRequest]) -> dict[str, Any]:
    """Shares of candidates that pass, of messages that the model answers, and of inventing texts.

    The last is of the passing texts of the model.
    """
    candidates = _of_model(drafts)
    inventions: list[bool] = []
    for draft, request in zip(drafts, requests, strict=True):
        for candidate in _of_model([draft]):
            if candidate.passes:
                inventions.append(bool(invented(candidate.text, request)))
    rules: Counter[str] = Counter()
    for candidate in candidates:
        rules.update({refusal.rule for refusal in candidate.refusals})
    answered_by_model = sum(draft.candidates[0].source == "model" for draft in drafts)
    return {
        "candidates_passing": _passing(candidates),
        "answered_by_model": round(answered_by_model / len(drafts), 4),
        "invented": round(sum(inventions) / max(1, len(inventions)), 4),
        "refused_for": {
            rule: round(count / len(candidates), 4) for rule, count in rules.most_common()
        },
    }


def written_passing(drafts: Sequence[Draft]) -> float:
    """The share that passes of all texts that were written, not only of those that are shown."""
    return _passing(_of_model(drafts))


def _of_model(drafts: Sequence[Draft]) -> list[Candidate]:
    candidates = [candidate for draft in drafts for candidate in draft.candidates]
    return [candidate for candidate in candidates if candidate.source == "model"]


def _passing(candidates: Sequence[Candidate]) -> float:
    passing = sum(candidate.passes for candidate in candidates)
    return round(passing / max(1, len(candidates)), 4)


def invented(text: str, request: ReplyRequest) -> list[str]:
    """Numbers, links, handles and names in `text` that the message and the brand do not hold.

    Without the gate's word list: every capital within a sentence is a name here, unless it is an
    abbreviation that everybody uses.
    """
    known = f" {request.text} {' '.join(brand_names(request.brand))} ".casefold()
    particulars = re.findall(r"https?://\S+|www\.\S+|[@#]\w+|\b\w*\d\w*", text)
    particulars += re.findall(r"(?<=[\w,;:'\")] )[A-Z][\w'-]+", re.sub(r"[.!?…:] +\S+", ". ", text))
    return [
        particular
        for particular in particulars
        if particular not in ALLOWED and particular.casefold().removesuffix("'s") not in known
    ]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)?", text.lower())


def _load() -> float | None:
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def _drafted(
    replier: Replier, requests: Sequence[ReplyRequest], seed: int
) -> tuple[list[Draft], list[float], list[float]]:
    """The drafts, and the milliseconds of each in its batch, by the clock and of processor time."""
    drafts: list[Draft] = []
    milliseconds: list[float] = []
    processor: list[float] = []
    replier(requests[:BATCH], seed=seed)  # the first run prepares what later ones use
    for start in range(0, len(requests), BATCH):
        batch = requests[start : start + BATCH]
        started, used = time.perf_counter(), time.process_time()
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
