"""Messages of customers with replies of agents: prepared, conditioned and split."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TextIO

from models.evaluation.labelled_file import CsvFile, read_labelled
from models.replier.conditions import Conditions, traits
from models.replier.policy import forbidden
from models.replier.slots import FACT, Slots, brand_names, is_part, plain, unsigned
from models.training.errors import TrainingError

Split = str  # "train" | "validation" | "test"

# What else these brands are called in their replies; the other names follow from the handle.
ALIASES = {
    "AmericanAir": ("American Airlines", "American", "AA"),
    "British_Airways": ("British Airways", "BA"),
    "SouthwestAir": ("Southwest Airlines", "Southwest", "SWA"),
    "Delta": ("Delta Air Lines", "Delta Airlines"),
}
_LOWER = re.compile(r"(?<![\w@#/.])[a-z]+(?:'[a-z]+)?(?![\w@/])")
_SQUASHED = re.compile(r"[^a-z]+")


Judge = Callable[
    [Sequence[str]], list[tuple[str | None, str | None]]
]  # texts to (topic, sentiment)


class PairsError(TrainingError):
    """The pairs cannot be read."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A message and its reply, as published. Pairs of a conversation are never in two splits."""

    conversation: str
    brand: str
    customer: str
    agent: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pair as the models read it.

    source: the message, slotted; target: the reply, slotted and unsigned.
    """

    conversation: str
    source: str
    target: str
    conditions: Conditions
    weight: float = 1.0


_PAIR_COLUMNS = ("source", "brand", "conv_id", "customer_text", "agent_text")


def read_pairs(path: Path) -> list[Pair]:
    """Pairs of a CSV, perhaps gzipped: source, brand, conv_id, customer_text, agent_text."""
    rows = (row.cells for row in read_labelled(path, _PAIR_COLUMNS, error=PairsError).rows)
    return [
        Pair(
            conversation=row["conv_id"],
            brand=row["brand"],
            customer=row["customer_text"],
            agent=_repaired(row["agent_text"])
            if row["source"] == "tweetsumm"
            else row["agent_text"],
        )
        for row in rows
    ]


def opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def grouped(pairs: Sequence[Pair]) -> list[Pair]:
    """`pairs` with one conversation for all that share a message.

    The sets overlap, under other numbers.
    """
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    first: dict[str, str] = {}
    for pair in pairs:
        start = _squashed(pair.customer)
        if len(start) >= 30:
            first_name, second_name = (
                find(pair.conversation),
                find(first.setdefault(start, pair.conversation)),
            )
            leader[max(first_name, second_name)] = min(first_name, second_name)
    return [replace(pair, conversation=find(pair.conversation)) for pair in pairs]


def part_of(conversation: str) -> Split:
    """90 % train, 5 % validation, 5 % test, by the hash of the conversation."""
    twentieth = int(hashlib.sha256(conversation.encode()).hexdigest()[:8], 16) % 20
    return {0: "test", 1: "validation"}.get(twentieth, "train")


def common_words(pairs: Iterable[Pair]) -> list[str]:
    """Words that agents (three times) or customers (fifteen times) write small: no names."""
    agents: Counter[str] = Counter()
    customers: Counter[str] = Counter()
    for pair in pairs:
        agents.update(_LOWER.findall(unsigned(plain(pair.agent))))
        customers.update(_LOWER.findall(plain(pair.customer)))
    return sorted(
        {word for word, n in agents.items() if n >= 3}
        | {word for word, n in customers.items() if n >= 15}
    )


def names_of(brand: str) -> tuple[str, ...]:
    return brand_names(brand, ALIASES.get(brand, ()))


def prepared(
    pairs: Sequence[Pair], slots: Slots, judged: Sequence[tuple[str | None, str | None]]
) -> list[Prepared]:
    """Pairs with words on both sides. judged: (topic, sentiment) of each pair's message."""
    rows = []
    for pair, (topic, sentiment) in zip(pairs, judged, strict=True):
        names = names_of(pair.brand)
        message = slots.message(pair.customer, names)
        target = slots.reply(pair.agent, message, names)
        if len(target.split()) < 2 or not message.text:
            continue
        conditions = Conditions(
            brand=pair.brand or None,
            topic=topic,
            sentiment=sentiment,
            clean=is_clean(target, pair.agent),
            **traits(target),
        )
        rows.append(Prepared(pair.conversation, message.text, target, conditions))
    return rows


def is_clean(target: str, reply: str) -> bool:
    """True for a reply that a draft may be like.

    It knows nothing that its message does not say, is whole, breaks no rule.
    """
    return (
        FACT not in target and not is_part(reply) and not forbidden(target) and len(target) <= 230
    )


def read_edits(path: Path, slots: Slots, judge: Judge) -> list[Prepared]:
    """Pairs of drafts that agents edited: JSON lines or CSV.

    Its fields are draft, final, customer_text, perhaps brand.
    """
    rows = edits_in(path)
    judged = judge([row["customer_text"] for row in rows])
    pairs = [
        Pair(f"edit:{number}", row.get("brand") or "", row["customer_text"], row["final"])
        for number, row in enumerate(rows)
    ]
    return [
        replace(pair, conditions=replace(pair.conditions, clean=True))
        for pair in prepared(pairs, slots, judged)
    ]


def _rows(path: Path) -> list[Mapping[str, str]]:
    """The rows of a table, or of JSON lines."""
    if {".csv", ".tsv"} & {suffix.lower() for suffix in path.suffixes[-2:]}:
        with CsvFile(path, PairsError) as table:
            return [row.cells for row in table.rows()]
    with opened(path) as file:
        return [json.loads(line) for line in file if line.strip()]


def edits_in(path: Path) -> list[Mapping[str, str]]:
    """The rows of a file of edits. Raises PairsError."""
    try:
        rows = _rows(path)
    except OSError as error:
        raise PairsError(f"{path}: the edits cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise PairsError(f"{path}: it is neither CSV nor JSON lines ({error})") from None
    for number, row in enumerate(rows, start=1):
        missing = [
            key
            for key in ("draft", "final", "customer_text")
            if not isinstance(row, Mapping) or key not in row
        ]
        if missing:
            raise PairsError(
                f"{path}: row {number} has no {', '.join(missing)};"
                " each needs draft, final, customer_text"
            )
    return rows


def saved(rows: Sequence[Prepared], path: Path) -> None:
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")


def loaded(path: Path) -> list[Prepared]:
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [Prepared(**{**row, "conditions": Conditions(**row["conditions"])}) for row in rows]


def _squashed(text: str) -> str:
    """The first sixty letters, without handles: they survive every publisher's cleaning."""
    bare = re.sub(r"@\w+|https?://\S+|<LINK>", " ", text)
    return _SQUASHED.sub(
        "", re.sub(r"^\s*+(?=\w*?(?:Help|Support|Care|Air))\w++\s", "", bare).lower()
    )[:60]


def _repaired(text: str) -> str:
    """This set lost its apostrophes; those that leave no other word are put back."""
    for pattern, whole in _LOST:
        text = pattern.sub(whole, text)
    return text


_WE_ARE = r"[a-z]+ing|sorry|happy|glad|here|so|very|not|always|sad|still"
_WE_WILL = (
    r"be|get|look|take|need|pass|do|have|make|send|check|see|keep|let|continue|certainly|gladly"
    r"|forward|help"
)
_LOST = [
    (re.compile(rf"\b{broken}\b"), whole)
    for broken, whole in (
        ("Im", "I'm"),
        ("Ive", "I've"),
        ("Lets", "Let's"),
        (r"([Dd]o|[Cc]a|[Ww]o|[Dd]id|[Dd]oes|[Ii]s|[Ww]as|[Hh]ave|[Cc]ould)nt", r"\1n't"),
        (r"([Yy]ou|[Tt]hey)re", r"\1're"),
        (r"([Yy]ou)ll", r"\1'll"),
        (r"([Yy]ou|[Ww]e)ve", r"\1've"),
        (r"([Tt]hat|[Ww]hat|[Tt]here|[Hh]ere)s", r"\1's"),
        (r"([Ww]e)d (love|like|be|recommend|suggest|also|need)", r"\1'd \2"),
        (rf"Were ({_WE_ARE})", r"We're \1"),
        (rf"([Ww]e)ll ({_WE_WILL})", r"\1'll \2"),
    )
]
