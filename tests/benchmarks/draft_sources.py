"""Messages of several trades for drafts to be read: held-out rows of `../shared/data`, by hash.

No answer was written for them. They come from the test parts of the pairs (behind those of earlier
lists), of complaints to a telecom and to banks, of complaining tweets and posts, from the real
urgent messages of triage's dev part, and from its own held-out gold.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.training.corpus.data import part_of, shared_data
from models.training.replies.data import grouped, read_pairs
from models.training.replies.data import part_of as part_of_conversation

# By source: how many of it are in a list of a hundred, and how many were read while the answers
# were made better, which tell nothing.
SHARES = {
    "airline": (20, 60),
    "other brands": (30, 90),
    "telecom": (10, 30),
    "bank": (10, 30),
    "posts": (15, 45),
    "urgent": (7, 0),
    "urgent, written": (8, 0),
}
GOLD = Path(__file__).parents[1] / "data" / "triage_gold_heldout.csv"
SEEN = 240  # pairs of the test split that earlier lists may hold
TRADES = {
    "airline": (
        "AmericanAir Delta British_Airways SouthwestAir AirAsiaSupport VirginAtlantic AlaskaAir"
    ),
    "streaming": "SpotifyCares hulu_support",
    "shop": "AmazonHelp ArgosHelpers marksandspencer AskeBay AskTarget",
    "supermarket": "Tesco sainsburys Morrisons",
    "software": "AdobeCare MicrosoftHelps AzureSupport AppleSupport XboxSupport AskPlayStation",
    "telecom": "TMobileHelp VerizonSupport USCellularCares CoxHelp CenturyLinkHelp comcastcares",
    "railway": "GWRHelp nationalrailenq VirginTrains",
    "bank": "BofA_Help AskPayPal",
    "restaurant": "ChipotleTweets DoorDash_Help AskPapaJohns Postmates_Help",
    "hotel": "AirbnbHelp Kimpton",
    "parcel": "UPSHelp",
}
TRADE_OF = {brand: trade for trade, brands in TRADES.items() for brand in brands.split()}


@dataclass(frozen=True, slots=True)
class Asked:
    """A message to draft for. trade: of its brand, as the taxonomy has it."""

    source: str
    text: str
    brand: str | None = None
    trade: str | None = None

    @property
    def key(self) -> str:
        return hashlib.sha256(f"drafts:{self.source}:{self.text}".encode()).hexdigest()[:12]


def hundred(number: int = 1) -> list[Asked]:
    """The messages of a list, from 1 on; two lists share none."""
    root = shared_data()
    chosen: list[Asked] = []
    for source, (share, seen) in SHARES.items():
        rows = sorted({row.key: row for row in _rows(source, root)}.items())
        start = seen + (number - 1) * share
        chosen += [row for _, row in rows[start : start + share]]
    return chosen


def _rows(source: str, root: Path) -> Iterator[Asked]:
    if source in ("airline", "other brands"):
        return _pairs(root, source)
    if source == "telecom":
        rows = _table(root / "complaints/comcast_fcc/comcast_fcc.csv")
        texts = [row["complaint_text"] for row in rows]
        return (Asked(source, text, "Comcast", source) for text in texts if _is_test(text))
    if source == "bank":
        return _bank(root)
    if source == "posts":
        return _posts(root)
    written = source == "urgent, written"
    rows = _table(GOLD if written else root / "triage/messages_dev.csv")
    return (Asked(source, row["text"]) for row in rows if row["priority"] in ("P1", "P2"))


def _pairs(root: Path, source: str) -> Iterator[Asked]:
    from benchmarks.drafts import key_of

    pairs = grouped(read_pairs(root / "replies" / "support_pairs.csv.gz"))
    test = [pair for pair in pairs if part_of_conversation(pair.conversation) == "test"]
    for pair in sorted(test, key=key_of)[SEEN:]:
        trade = TRADE_OF.get(pair.brand)
        if (trade == "airline") == (source == "airline"):
            yield Asked(source, pair.customer, pair.brand or None, trade)


def _bank(root: Path) -> Iterator[Asked]:
    path = root / "complaints/cfpb/cfpb_narratives.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    column = next(name for name in rows[0] if "narrative" in name.lower() or name == "text")
    texts = (row[column] for row in rows)
    return (Asked("bank", text, None, "bank") for text in texts if _is_test(text))


def _posts(root: Path) -> Iterator[Asked]:
    for row in _table(root / "complaints/severity/complaint_severity.csv"):
        is_complaint = row["complaint"] == "1" and row["source"] != "CESAMARD"
        if is_complaint and _is_test(row["text"]):
            yield Asked("posts", row["text"])


def _is_test(text: str) -> bool:
    return part_of(text) == "test"


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
