"""Remedies: what to do next after a check of the gate has failed, by the kind of check."""

from __future__ import annotations

DIVERGED = "the network gives no numbers (nan), as after too high a rate: lower `rate`"
FAULT = (
    "this part should have left all outputs as they were, so your data are not the cause: install"
    " the versions of constraints.txt and run it again"
)
SMALL = (
    "8 bits lose too much of these weights: a lower `rate`, fewer `epochs` or another `seed`, for"
    " what grew loud in training is rounded badly"
)
BASE = "the embedding left its base: a lower `rate`, or more `embedding_weight`"
START = (
    "this head lost what the start knew: a lower `rate`, fewer `epochs`, or more that holds it in"
    " place (of triage: `rehearsal`, `keep_weight`)"
)
COST = "a busy machine measures badly: run it again while nothing else runs"
KEPT_BYTES = "take a base whose layers become integers, such as DistilBERT, RoBERTa or ModernBERT"
MAJORITY = "more epochs, another rate, more texts, or a larger validation file"
IN_USE = (
    "the model in use is better on these texts: keep it, or begin from it"
    ' (base = "shipped"), or learn from more texts'
)
MARKS = (
    "the texts do not tell this dissatisfaction: check --scale, bring more rows with it, or leave"
    " the column out"
)
CORRECTIONS = (
    "look for corrections that contradict each other (earshot export corrections --field heads),"
    " or wait for more of them"
)
NEIGHBOURS = (
    "these corrections move messages that they say nothing about: wait for corrections of other"
    " messages, or leave this column out of the table"
)
SENTIMENT = (
    "the tuning moved the sentiments: --head-only, or a recipe (--config) with a lower `rate` or"
    " fewer `epochs`"
)
LEVELS = (
    "held-out labels became less likely: look for labels that contradict each other, or learn from"
    " more of them"
)


def calibration(rows: int, file: str = "the held-out part") -> str:
    """Of probabilities that are worse than before. rows: held out. file: where they stand."""
    return (
        f"more held-out rows (few show this by chance; {file} holds {rows:,}), or more `smoothing`"
        " where the recipe has it"
    )


def history(task: str) -> str:
    """Of a head whose guesses are no better than the most frequent class."""
    return (
        f"the texts do not tell this {task}: more texts a class, fewer classes (--least), or leave"
        " the column out"
    )
