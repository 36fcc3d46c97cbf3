"""Corpus of the public sets: their parts for training, validation and test.

No tested text is learned from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from models.taxonomy.classifier import read_taxonomy
from models.training.corpus.complaints import (
    MAP,
    Meanings,
    read_banking77,
    read_bitext,
    read_cfpb,
    read_clinc,
    read_comcast,
    read_intents,
    read_multidogo,
    read_phrases,
)
from models.training.corpus.data import (
    READ,
    Corpus,
    DataError,
    Example,
    file_hash,
    split,
    text_hash,
    unique,
)
from models.training.corpus.keyed import TOPICS, read_topics
from models.training.corpus.tweets import (
    read_airline,
    read_extraction,
    read_goemotions,
    read_sentiment140,
    read_sentiment140_test,
    read_severity,
    read_tweeteval,
)

TWEETEVAL = "tweets/tweeteval"
AIRLINE = "tweets/airline/Tweets.csv"
SENTIMENT140 = "tweets/sentiment140/random_27k_dated.csv"
SENTIMENT140_TEST = "tweets/sentiment140/testdata.manual.2009.06.14.csv"
EXTRACTION = "tweets/tweet_sentiment_extraction/train.csv"
GOEMOTIONS = "emotion/goemotions/train.tsv"
SEVERITY = "complaints/severity/complaint_severity.csv"
COMCAST = "complaints/comcast_fcc/comcast_fcc.csv"
CFPB = "complaints/cfpb/cfpb_narratives.csv.gz"
BANKING77 = "complaints/banking77"
BITEXT = "complaints/bitext"
MULTIDOGO = "complaints/multidogo"
CLINC = "complaints/clinc150/data_full.json"
FILES = (
    TWEETEVAL,
    AIRLINE,
    SENTIMENT140,
    SENTIMENT140_TEST,
    EXTRACTION,
    GOEMOTIONS,
    SEVERITY,
    COMCAST,
    CFPB,
    BANKING77,
    BITEXT,
    MULTIDOGO,
    CLINC,
)

SOURCES = {"X-CI": "xci", "X-FINCORP": "fincorp", "CESAMARD": "cesamard"}
SIDE_TASKS = ("emotion", "irony", "offensive")
MOST_OF_A_SIDE_TASK = 12_000


def public_corpus(root: Path) -> Corpus:
    """All sets in `root`. Raises DataError naming what is missing."""
    for name in FILES:
        if not (root / name).exists():
            raise DataError(
                f"training data is missing: {root / name}"
                " (EARSHOT_SHARED names the folder that holds data/)"
            )
    taxonomy = read_taxonomy()
    meanings = Meanings(taxonomy)
    validation: dict[str, list[Example]] = {}
    test: dict[str, list[Example]] = {}
    learned: list[Example] = []
    read: list[Example] = []
    for name, examples in _own_splits(root, meanings):
        parts = split(examples)
        learned += parts["train"]
        read += parts["train"] if name == READ else []
        validation[name], test[name] = parts["validation"], parts["test"]
    validation |= {
        "tweeteval": list(read_tweeteval(root / TWEETEVAL / "sentiment", "val")),
        "clinc": list(read_clinc(root / CLINC, meanings, "val")),
    }
    test |= {
        "tweeteval": list(read_tweeteval(root / TWEETEVAL / "sentiment", "test")),
        "sentiment140": list(read_sentiment140_test(root / SENTIMENT140_TEST)),
        "banking77": list(read_banking77(root / BANKING77 / "test.csv", meanings)),
        "clinc": list(read_clinc(root / CLINC, meanings, "test")),
    }
    unseen: set[str] = set()
    for examples in (*validation.values(), *test.values()):
        unseen |= {text_hash(example.text) for example in examples}
    learned = [
        *read_phrases(taxonomy),
        *unique(read_tweeteval(root / TWEETEVAL / "sentiment", "train")),
        *learned,
    ]
    return Corpus(
        train=_without(unseen, learned),
        by_turns=_without(unseen, _by_turns(root, meanings)),
        validation=validation,
        test=test,
        hashes={str(path.relative_to(root)): file_hash(path) for path in _files(root)}
        | {path.name: file_hash(path) for path in (MAP, TOPICS) if path.exists()},
        topics=taxonomy.topic_names,
        problems=taxonomy.problem_names,
        intents=(
            read_intents(root / BANKING77 / "train.csv"),
            read_intents(root / BANKING77 / "test.csv"),
        ),
        read=_without(unseen, read),
    )


def _without(unseen: set[str], examples: Iterable[Example]) -> list[Example]:
    """The examples with a text whose hash is not among the unseen ones."""
    return [
        example for example in examples if example.text and text_hash(example.text) not in unseen
    ]


def _own_splits(root: Path, meanings: Meanings) -> Iterator[tuple[str, Iterable[Example]]]:
    """Sets without an official split."""
    yield "airline", read_airline(root / AIRLINE, meanings)
    for source, name in SOURCES.items():
        yield name, read_severity(root / SEVERITY, meanings, source)
    yield "comcast", read_comcast(root / COMCAST, meanings)
    yield "cfpb", read_cfpb(root / CFPB, meanings)
    yield "bitext", read_bitext(root / BITEXT, meanings)
    yield "multidogo", read_multidogo(root / MULTIDOGO, meanings)
    if TOPICS.exists():  # they come with the sources, not with the package
        yield READ, read_topics(root, meanings)


def _by_turns(root: Path, meanings: Meanings) -> Iterator[Example]:
    """Sets of easy texts and of tasks that only training looks at."""
    yield from unique(read_sentiment140(root / SENTIMENT140))
    yield from unique(read_banking77(root / BANKING77 / "train.csv", meanings))
    yield from unique(read_clinc(root / CLINC, meanings, "train"))
    yield from _sample(list(unique(read_extraction(root / EXTRACTION))))
    yield from _sample(list(unique(read_goemotions(root / GOEMOTIONS))))
    for task in SIDE_TASKS:
        yield from _sample(list(unique(read_tweeteval(root / TWEETEVAL / task, "train", task))))


def _sample(examples: Sequence[Example]) -> Sequence[Example]:
    """At most MOST_OF_A_SIDE_TASK of them, the same ones every time, from all over."""
    return sorted(examples, key=lambda example: text_hash(example.text))[:MOST_OF_A_SIDE_TASK]


def _files(root: Path) -> Iterator[Path]:
    for name in FILES:
        path = root / name
        yield from (
            sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        )
