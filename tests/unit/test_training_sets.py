"""What the encoder learns from: the public sets and a person's table, in parts that never mix."""

import gzip
import json

import pytest

from models.taxonomy.classifier import read_taxonomy
from models.training.corpus.complaints import Meanings
from models.training.corpus.data import (
    DataError,
    Example,
    part_of,
    split,
    table_corpus,
    text_hash,
    unique,
)
from models.training.corpus.public import public_corpus


def test_the_same_words_are_in_the_same_part_whatever_their_case_and_spaces():
    parts = split(
        [Example("A b"), Example("a  B"), *(Example(f"text {number}") for number in range(2000))]
    )

    assert sum(len(part) for part in parts.values()) == 2001
    assert 0.07 < len(parts["test"]) / 2001 < 0.13
    assert 0.07 < len(parts["validation"]) / 2001 < 0.13
    assert text_hash("A b") == text_hash("a  B")
    assert part_of("text 5") == part_of("text 5")
    assert [one.text for one in unique([Example("x"), Example("X"), Example("y")])] == ["x", "y"]


def test_a_table_without_its_columns_or_with_an_unknown_label_is_one_clear_line(tmp_path):
    path = tmp_path / "mine.csv"

    path.write_text("text,sentiment\nhi,positive\n")
    with pytest.raises(DataError, match=r"mine\.csv.*complaint"):
        table_corpus(path)
    path.write_text("text,sentiment,complaint,severity\nhi,glad,0,0\n")
    with pytest.raises(DataError, match="glad"):
        table_corpus(path)


def test_public_sets_that_are_not_there_are_named(tmp_path):
    with pytest.raises(DataError, match="EARSHOT_SHARED"):
        public_corpus(tmp_path)


def public_files(root, words):
    """Small files in the shape of the public ones, made of these texts."""

    def write(name, *lines):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    def tweeteval(task, part, texts):
        write(f"tweets/tweeteval/{task}/{part}_text.txt", *texts)
        write(f"tweets/tweeteval/{task}/{part}_labels.txt", *("1" for _ in texts))

    for part, texts in (("train", words[:60]), ("val", words[50:70]), ("test", words[70:90])):
        tweeteval("sentiment", part, texts)
    for task in ("emotion", "irony", "offensive"):
        tweeteval(task, "train", words[60:80])
    rows = [
        f"{number},neutral,{text.upper()},Late Flight" for number, text in enumerate(words[65:200])
    ]
    conflict = [rows[0], "0,negative,conflict,"]
    write(
        "tweets/airline/Tweets.csv",
        "tweet_id,airline_sentiment,text,negativereason",
        *rows,
        *conflict,
    )
    write(
        "tweets/sentiment140/random_27k_dated.csv",
        "polarity,text,source",
        *(f"4,{text},sampage10" for text in words[60:90]),
    )
    write(
        "tweets/sentiment140/testdata.manual.2009.06.14.csv",
        *(f'"0","","","","","{text}"' for text in words[10:20]),
    )
    write(
        "tweets/tweet_sentiment_extraction/train.csv",
        "text,sentiment",
        *(f"{text},neutral" for text in words[80:99]),
    )
    write(
        "emotion/goemotions/train.tsv",
        *(f"{text}\t27\tid" for text in words[99:110]),
        "two\t1,2\tid",
    )
    write(
        "complaints/severity/complaint_severity.csv",
        "source,text,complaint,severity,cause",
        *(f"X-CI,{text},1,2,{text.split()[0]}" for text in words[150:]),
    )
    write(
        "complaints/comcast_fcc/comcast_fcc.csv",
        "title,complaint_text",
        *(f"Data caps,{text}" for text in words[200:230]),
        "Slow internet and wrong bill,two things at once",
    )
    cfpb = root / "complaints/cfpb/cfpb_narratives.csv.gz"
    cfpb.parent.mkdir(parents=True)
    with gzip.open(cfpb, "wt") as file:
        file.write("text,topic,issue\nmy mortgage,mortgage,Incorrect information on your report\n")
        file.writelines(
            f"{text},debt_collection,Communication tactics\n" for text in words[230:260]
        )
    for part, texts in (("train", words[260:280]), ("test", words[275:285])):
        write(
            f"complaints/banking77/{part}.csv",
            "text,category",
            *(f"{text},pin_blocked" for text in texts),
        )
    write(
        "complaints/bitext/Training.csv",
        "utterance,intent",
        *(f"{text},get_refund" for text in words[285:290]),
    )
    for domain, intent in (("airline", "getboardingpass"), ("media", "viewbillsintent")):
        turns = (f"{text}\t{intent}" for text in words[290:295])
        write(f"complaints/multidogo/{domain}/turn_train.tsv", "utterance\tintent", *turns)
    clinc = {
        part: [[text, "pin_change"]]
        for part, text in zip(("train", "val", "test"), words[295:], strict=False)
    }
    clinc |= {
        f"oos_{part}": [[f"{part} is what they say", "oos"]] for part in ("train", "val", "test")
    }
    write("complaints/clinc150/data_full.json", json.dumps(clinc))


def test_no_text_of_a_test_part_is_learnt(tmp_path):
    words = [f"word{number} is said" for number in range(300)]
    public_files(tmp_path, words)

    corpus = public_corpus(tmp_path)

    held = {
        text_hash(one.text)
        for part in (corpus.validation, corpus.test)
        for ones in part.values()
        for one in ones
    }
    learnt = [text_hash(one.text) for one in [*corpus.train, *corpus.by_turns]]
    assert len(corpus.train) > 100
    assert len(corpus.by_turns) > 10
    assert not held & set(learnt)
    assert corpus.hashes["tweets/airline/Tweets.csv"]
    assert len(corpus.test["tweeteval"]) == 20
    conflicting = text_hash(words[65])
    assert conflicting not in {
        text_hash(one.text) for one in corpus.test["airline"] + corpus.validation["airline"]
    }


def test_labels_of_the_public_sets_mean_topics_and_problems(tmp_path):
    public_files(tmp_path, [f"word{number} is said" for number in range(300)])

    corpus = public_corpus(tmp_path)

    every = [
        one for part in (corpus.validation, corpus.test) for ones in part.values() for one in ones
    ] + corpus.train
    said = {one.text: one for one in every}
    assert (said["word210 is said"].topics, said["word210 is said"].problems) == (
        ("plan and contract",),
        ("data cap",),
    )
    assert said["word240 is said"].problems == ("harassing calls",)
    assert said["my mortgage"].topics == ("loan",)  # an issue of another product says nothing
    assert "wrong entry" not in said["my mortgage"].problems
    assert said["test is what they say"].topics == ("other",)
    assert "two things at once" not in said
    assert said["word160 is said"].cause == "word160"


def test_every_name_in_the_map_is_in_the_taxonomy():
    meanings = Meanings(read_taxonomy())
    tables = [
        meanings.labels["cfpb"]["topic"],
        meanings.labels["cfpb"]["issue"],
        *meanings.labels["multidogo"].values(),
    ]
    tables += [
        meanings.labels[name]
        for name in ("airline", "comcast", "bitext", "banking77", "clinc", "severity")
    ]

    for table in tables:
        assert all(meanings.of(entry)[0] for entry in table.values())
    with pytest.raises(DataError, match="nonsense"):
        meanings.of("nonsense")
