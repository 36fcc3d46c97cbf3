"""Every command that reads a table reads it however its program wrote it."""

from __future__ import annotations

import pytest

from connectors.files import open_file
from models.evaluation.labelled_file import read_labelled, read_sentiments
from models.training.corpus.data import table_corpus
from models.training.replies.data import read_pairs

WORDS = "It\u2019s late \u2013 again"  # of which cp1252 writes two letters in a byte each


def replay(path):
    return [event.text for event, _ in open_file(path, on_bad_row=pytest.fail)]


def evaluate_sentiment(path):
    return read_sentiments(path)[0]


def labelled(path):
    return [row["text"] for row in read_labelled(path, ["text", "topic"]).rows]


def train_encoder(path):
    corpus = table_corpus(path)
    return [example.text for example in (*corpus.train, *corpus.validation["table"])]


def train_replies(path):
    return [pair.customer for pair in read_pairs(path)]


# Header and cells of a row for each; the words stand where `{}` is.
READERS = {
    replay: ("date,text", "2026-03-12,{}"),  # `replay`, `alert test`, `explore`
    evaluate_sentiment: ("text,label", "{},negative"),  # and `compare`, the lab
    labelled: ("text,topic", "{},bill"),  # `train complaints`, `evaluate complaints`, triage, calls
    train_encoder: ("text,sentiment,complaint,severity", "{},negative,1,2"),
    train_replies: (
        "source,brand,conv_id,customer_text,agent_text",
        "own,VoltLine,c1,{},We are on it.",
    ),
}
FORMS = {
    "semicolons": (";", "{}", "utf-8"),
    "tabs": ("\t", "{}", "utf-8"),
    "pipes": ("|", "{}", "utf-8"),
    "a spreadsheet's first line": (";", "sep=;\r\n{}", "utf-8"),
    "a byte order mark": (",", "{}", "utf-8-sig"),
    "cp1252": (",", "{}", "cp1252"),
    "cp1252 with semicolons": (";", "{}", "cp1252"),
    "UTF-16": (",", "{}", "utf-16"),
    "UTF-16 with tabs": ("\t", "{}", "utf-16"),
    "UTF-16 without a mark": (",", "{}", "utf-16-le"),
    "the line ends of Windows": (",", "{}", "utf-8"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_a_table_is_the_same_however_it_was_written(tmp_path, read, form):
    header, row = READERS[read]
    delimiter, around, encoding = FORMS[form]
    end = "\r\n" if "Windows" in form else "\n"
    content = around.format(end.join((header, row.format(WORDS), "")).replace(",", delimiter))
    path = tmp_path / "mine.csv"
    path.write_bytes(content.encode(encoding))

    [text] = read(path)

    assert text.replace("'", "\u2019").replace("-", "\u2013") == WORDS


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Лифт застрял, и никто не отвечает."),
        ("cp1250", "Dźwig stoi, a nikt nie odbiera. Proszę, to już trzeci dzień!"),
        ("cp1254", "Asansör durdu, kimse açmıyor. Çok kötü, şikayetçiyim."),
        ("gb18030", "电梯停了，热线没有人接。"),
    ],
)
@pytest.mark.parametrize("read", [replay, evaluate_sentiment], ids=lambda read: read.__name__)
def test_the_letters_of_a_language_are_the_same_to_every_command(tmp_path, read, encoding, text):
    header, row = READERS[read]
    line = row.replace(",", ";").format(text)
    path = tmp_path / "mine.csv"
    path.write_bytes(f"{header.replace(',', ';')}\n{line}\n{line}\n".encode(encoding))

    assert read(path) == [text] * 2
