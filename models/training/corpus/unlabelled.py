"""Texts without labels, for masked-language training: none that the encoder is measured with.

What the replier is tested with is among them: its pairs are split by conversation, not by text.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from models.evaluation.labelled_file import read_labelled
from models.text import normalize
from models.training.corpus.data import DataError, part_of, text_hash
from models.training.corpus.keyed import OWN, key_of, public_texts
from models.training.corpus.public import public_corpus

LINES = (".txt", ".txt.gz")  # ends of the names of files with a text a line
TWEETS = ("negative_50k.txt.gz", "positive_50k.txt.gz")  # of Sentiment140, below the public data
_MEASURED = ("*_kept.csv", "*_heldout.csv", "*_dev.csv", "triage_variants.csv")  # of our own
_MEASURED_PUBLIC = ("triage/messages_dev.csv", "triage/urgent_dev.csv")


@dataclass(frozen=True)
class Unlabelled:
    """learned and held_out: normalised texts, each once; the latter measure what is learned."""

    learned: Sequence[str]
    held_out: Sequence[str]

    def digest(self) -> str:
        """SHA-256 of all texts, in their order."""
        digest = hashlib.sha256(f"{len(self.learned)}\n".encode())
        for text in chain(self.learned, self.held_out):
            digest.update(f"{len(text)} {text}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def own_texts(files: Sequence[Path], held_out: int) -> Unlabelled:
    """The texts of files, CSV with `text` or a text a line. Raises DataError without any."""
    texts = chain.from_iterable(map(_texts_in, files))
    return _split(texts, frozenset(), frozenset(), held_out)


def public_unlabelled(data: Path, held_out: int) -> Unlabelled:
    """All texts of the public sets below `data` that nothing is chosen on or tested with."""
    corpus = public_corpus(data)
    parts = [*corpus.validation.values(), *corpus.test.values()]
    measured = frozenset(text_hash(example.text) for part in parts for example in part)
    tweets = data / "tweets" / "sentiment140"
    texts = chain(
        (example.text for example in (*corpus.train, *corpus.by_turns)),
        public_texts(data),
        *(_texts_in(tweets / name) for name in TWEETS if (tweets / name).exists()),
    )
    return _split(texts, measured, frozenset(_measured_keys(data)), held_out)


def _split(
    texts: Iterable[str], measured: frozenset[str], keys: frozenset[str], held_out: int
) -> Unlabelled:
    """measured: hashes of normalised texts to leave out; keys: of texts as they were written."""
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    seen = set(measured)
    for text in texts:
        plain = normalize(text)
        digest = text_hash(plain)
        if not plain or digest in seen or (keys and key_of(text) in keys):
            continue
        seen.add(digest)
        parts[part_of(plain)].append(plain)
    if not parts["train"] or not parts["validation"]:
        raise DataError("there are too few texts to learn from: it takes some dozens")
    # The rest of the validation part is learned by nobody: other recipes choose on it.
    return Unlabelled(parts["train"], parts["validation"][:held_out])


def _texts_in(path: Path) -> Iterator[str]:
    if not path.name.endswith(LINES):
        yield from (
            row.cells["text"] for row in read_labelled(path, ("text",), error=DataError).rows
        )
        return
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace") as file:
            yield from (line.strip() for line in file)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: it cannot be read ({reason})") from None


def _measured_keys(data: Path) -> Iterator[str]:
    """Keys of all texts that triage, topics or sentiment are chosen on or measured with."""
    own = chain.from_iterable(sorted(OWN.glob(pattern)) for pattern in _MEASURED)
    public = (data / name for name in _MEASURED_PUBLIC if (data / name).exists())
    for path in (*own, *public):
        table = read_labelled(path, any_of=("key", "text"), error=DataError)
        for row in table.rows:
            yield row["key"] or key_of(row.cells["text"])
