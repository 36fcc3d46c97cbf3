"""Labelled calls for the head: public ones with several raters, or a company's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from models.calls.head import LABELS, Floats, Task
from models.calls.sides import Utterance
from models.evaluation.labelled_file import rows_of
from models.training.corpus.data import DataError, file_hash

Turns = Sequence[Utterance]
Kind = Literal["call", "told", "written"]

# A scenario is told six times, nearly alike; a whole call of our own writing is a contrast
COUNTS: Mapping[Kind, float] = {"call": 1.0, "told": 0.5, "written": 2.0}
DISPUTED = 0.3  # of a call whose raters do not agree

# Transcripts 160-199 were labelled by people: nothing is learned or chosen with them.
FIRST_TEST = 160
_OUTCOMES = {"resolved": "resolved", "follow_up_needed": "follow_up"}


@dataclass(frozen=True)
class LabelledCall:
    """A call and the share of each of its labels, if it has any.

    agreed: by task, the label that the raters agree on, None where they do not. Figures are about
    these. group: of calls of our own writing that are told alike: they are held out together, and
    are measured apart, by their kind.
    """

    name: str
    turns: Turns
    shares: Mapping[Task, Floats]
    agreed: Mapping[Task, str | None]
    group: str | None = None
    kind: Kind = "call"

    def count(self, task: Task) -> float:
        """Of the call in the loss."""
        return COUNTS[self.kind] * (1.0 if self.agreed[task] else DISPUTED)


@dataclass(frozen=True)
class Calls:
    learn: list[LabelledCall]
    test: list[LabelledCall]
    hashes: dict[str, str] = field(default_factory=dict)


def public_calls(transcripts: Mapping[str, Turns], data: Path) -> Calls:
    """The calls of transcripts_v3.

    transcripts: turns by the number of the file.

    Independent raters labelled all calls, and do not always agree: where they do not on the
    outcome, it counts as half and half. Where some of them did not go along with a sentiment, their
    share counts as neutral, which is next to both others.
    """
    path = data / "calls" / "transcripts_v3" / "labels.csv"
    try:
        rows = {row["transcript_id"]: row for row in rows_of(path, DataError)}
        learn = [
            _silver(name, transcripts[name], row)
            for name, row in rows.items()
            if int(name) < FIRST_TEST
        ]
        test = [
            _human(name, transcripts[name], row)
            for name, row in rows.items()
            if int(name) >= FIRST_TEST
        ]
    except OSError as error:
        raise DataError(f"{error.filename}: it cannot be read ({error.strerror})") from None
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path}: is not as it was published ({type(error).__name__}: {error})"
        ) from None
    return Calls(learn, test, {path.name: file_hash(path)})


def own_calls(
    transcripts: Mapping[str, Turns], labels: Mapping[str, Mapping[Task, str | None]]
) -> Calls:
    """A company's own calls, each with one label a task or none."""
    learn = [
        LabelledCall(
            name,
            turns,
            {task: one_hot(task, label) for task, label in labels[name].items() if label},
            labels[name],
        )
        for name, turns in transcripts.items()
        if name in labels
    ]
    return Calls(learn, [])


def _silver(name: str, turns: Turns, row: Mapping[str, str]) -> LabelledCall:
    outcome, sentiment = _OUTCOMES.get(row["outcome_silver"]), row["sentiment_silver"]
    agree = float(row["sentiment_silver_agree"])
    known = sentiment in LABELS["sentiment"]
    if not known:  # a tie
        share = np.array([0.25, 0.5, 0.25], np.float32)
    else:
        rest = np.array([0.5, 0, 0.5] if sentiment == "neutral" else [0, 1, 0], np.float32)
        share = agree * one_hot("sentiment", sentiment) + (1 - agree) * rest
    shares: dict[Task, Floats] = {"sentiment": share, "outcome": np.full(2, 0.5, np.float32)}
    if outcome:
        shares["outcome"] = one_hot("outcome", outcome)
    return LabelledCall(
        name, turns, shares, {"outcome": outcome, "sentiment": sentiment if known else None}
    )


def _human(name: str, turns: Turns, row: Mapping[str, str]) -> LabelledCall:
    agreed: dict[Task, str | None] = {
        "outcome": _OUTCOMES.get(row["outcome_human"]),
        "sentiment": row["sentiment_human"] or None,
    }
    return LabelledCall(name, turns, {}, agreed)


def one_hot(task: Task, label: str | None) -> Floats:
    """(labels,): all of the share."""
    share = np.zeros(len(LABELS[task]), np.float32)
    share[LABELS[task].index(str(label))] = 1
    return share
