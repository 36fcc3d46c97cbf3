"""`python -m models.training.replies.add_sense DIRECTORY`: learns a replier's check of sense anew.

The weights stay as they are. From the public pairs beneath EARSHOT_SHARED/data; seconds of a
processor after the pairs are prepared (a minute or two).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from models.artifact import CARD, sha256
from models.replier import sense
from models.replier.replier import SENSE, STORY, TOKENIZER, WORDS, read_replier
from models.replier.slots import Slots
from models.replier.subwords import Subwords
from models.training.corpus.data import shared_data
from models.training.replies.card import card
from models.training.replies.data import Prepared, grouped, part_of, prepared, read_pairs
from models.training.replies.sense import calibrated, train_sense


def add_sense(folder: Path, rows: Sequence[Prepared]) -> dict[str, float]:
    """Write `sense.npz`, learnt from the train split of the pairs, and name it in the story.

    Returns its figures on the validation split.
    """
    story = read_replier(folder)
    subwords = Subwords(Tokenizer.from_file(str(folder / TOKENIZER)))

    def ids(split: str) -> tuple[list[list[int]], list[list[int]]]:
        part = [row for row in rows if part_of(row.conversation) == split]
        sources = subwords.encode([row.source for row in part])
        return sources, subwords.encode([row.target for row in part])

    check, figures = calibrated(train_sense(*ids("train"), subwords.size), *ids("validation"))
    sense.save(check, folder / SENSE)
    story["files"][SENSE] = sha256(folder / SENSE)
    story["sense"] = figures
    (folder / STORY).write_text(
        json.dumps(story, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / CARD).write_text(card(story), encoding="utf-8")
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a replier's directory")
    parser.add_argument("--pairs", type=Path, help="as replies/support_pairs.csv.gz")
    options = parser.parse_args(arguments)
    path = options.pairs or shared_data() / "replies" / "support_pairs.csv.gz"
    pairs = grouped(read_pairs(path))
    words = (options.folder / WORDS).read_text(encoding="utf-8").split()
    rows = prepared(pairs, Slots(words), [(None, None)] * len(pairs))
    print(json.dumps(add_sense(options.folder, rows)))


if __name__ == "__main__":
    main()
