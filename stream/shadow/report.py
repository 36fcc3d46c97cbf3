"""Report of a shadow: how often it agrees with the model in use, by field and by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stream.shadow.classes import FIELDS
from stream.shadow.store import EXAMPLES, PairCount


@dataclass(frozen=True, slots=True)
class Changed:
    """Messages that the shadow calls otherwise. examples: ids, the latest first."""

    label: str
    shadow_label: str
    messages: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClassCount:
    """in_use, shadow: messages that each model puts into the class; both: that both do."""

    label: str
    in_use: int
    shadow: int
    both: int


@dataclass(frozen=True, slots=True)
class FieldReport:
    """One field. agreement: the share of messages that both put into the same class."""

    field: str
    messages: int
    agreement: float
    classes: tuple[ClassCount, ...]
    changed: tuple[Changed, ...]  # the most first


def report(pairs: Sequence[PairCount]) -> list[FieldReport]:
    """The fields that were counted, in their usual order; counts of all brands and versions of the
    model in use together.
    """
    fields = {name: [count for count in pairs if count.pair.field == name] for name in FIELDS}
    return [_field(name, counted) for name, counted in fields.items() if counted]


def _field(name: str, counts: Sequence[PairCount]) -> FieldReport:
    messages: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[str]] = {}
    for count in counts:
        labels = (count.pair.label, count.pair.shadow_label)
        messages[labels] += count.messages
        examples.setdefault(labels, []).extend(count.examples)
    total = messages.total()
    names = sorted({label for labels in messages for label in labels})
    by_class = tuple(_class(label, messages) for label in names)
    changed = tuple(
        Changed(*labels, count, tuple(examples[labels][:EXAMPLES]))
        for labels, count in sorted(messages.items(), key=lambda item: (-item[1], item[0]))
        if labels[0] != labels[1]
    )
    return FieldReport(name, total, sum(row.both for row in by_class) / total, by_class, changed)


def _class(label: str, messages: Counter[tuple[str, str]]) -> ClassCount:
    in_use = sum(count for labels, count in messages.items() if labels[0] == label)
    shadow = sum(count for labels, count in messages.items() if labels[1] == label)
    return ClassCount(label, in_use, shadow, messages[label, label])
