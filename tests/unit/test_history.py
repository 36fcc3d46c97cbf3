"""A history of complaints is read: its columns, its scale, and what is wrong in one line."""

from pathlib import Path

import pytest

from models.training.custom.history import HistoryError, as_index, fewer, parts, read_history

OWN = Path(__file__).parents[1] / "data" / "history.csv"


def written(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(topics="AABB", marks="", text="the line is down again call {}"):
    marks = marks or [""] * len(topics)
    return [
        f"{text.format(n)},{topic},{mark}"
        for n, (topic, mark) in enumerate(zip(topics, marks, strict=True))
    ]


def test_columns_are_recognised_by_what_people_call_them(tmp_path):
    path = written(
        tmp_path / "mine.csv",
        "Customer complaint;Topic;Issue;Customer Dissatisfaction Index",
        *(
            f"it broke {n};TV;{'picture' if n % 2 else 'sound'};{'High' if n % 2 else 'Low'}"
            for n in range(8)
        ),
        *(f"price rose {n};billing;too high;Medium" for n in range(4)),
    )

    history = read_history(path)

    assert history.labels("topic") == ["TV", "billing"]
    assert history.labels("problem") == ["picture", "sound", "too high"]
    assert sorted({one.index for one in history.texts}) == pytest.approx([100 / 6, 50, 500 / 6])
    assert "problem is 'Issue'" in history.notes[0]
    assert any("Low, Medium, High" in line for line in history.notes)


def test_a_column_can_be_named(tmp_path):
    path = written(
        tmp_path / "mine.csv", "what,kind", *(f"text number {n},{'ab'[n % 2]}" for n in range(8))
    )

    assert read_history(path, {"text": "what", "problem": "Kind"}).labels("problem") == ["a", "b"]


@pytest.mark.parametrize(
    ("marks", "index"),
    [
        (["1", "5", "3"], [0, 100, 50]),
        (["0", "4", "2"], [0, 100, 50]),
        (["12", "80.5", "0"], [12, 80.5, 0]),
        (["70%", "5%", ""], [70, 5, None]),
        (["low", "HIGH", "medium"], pytest.approx([100 / 6, 500 / 6, 50])),
    ],
)
def test_the_scale_is_told_from_the_values(marks, index):
    assert as_index(Path("mine.csv"), list(enumerate(marks, 2))) == index


@pytest.mark.parametrize(
    ("marks", "told"),
    [
        (["High", "72"], "mixed scales: line 2 says 'High', line 3 says '72'"),
        (["0", "5"], "--scale"),
        (["0.2", "0.9"], "a share: multiply it by 100"),
        (["-4", "20"], "from -4 to 20"),
        (["20", "furious"], "line 3: dissatisfaction 'furious'"),
        (["nan", "inf"], "line 3: dissatisfaction 'inf'"),
    ],
)
def test_values_on_no_scale_are_one_clear_line(marks, told):
    with pytest.raises(HistoryError, match=told) as error:
        as_index(Path("mine.csv"), list(enumerate(marks, 2)))

    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["words,topic", "hello,A"], r"mine\.csv: no column text; its columns are words, topic"),
        (["text,colour", "hello,A"], "no column topic, problem or dissatisfaction"),
        (
            ["text,topic,dissatisfaction", *rows("    ")],
            r"topic \(column 'topic'\) is empty in every row",
        ),
        (["text,topic,dissatisfaction", *rows("AAAA")], "fewer than 2 classes"),
        (["text,topic,dissatisfaction", *rows("AAAB")], "fewer than 2 classes"),
        (["text,topic", "hello,A,B"], "line 2 has 3 columns, not 2"),
        (["text,topic"], "no rows"),
        ([], "empty"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_clear_line(tmp_path, lines, told):
    path = written(tmp_path / "mine.csv", *lines) if lines else tmp_path / "mine.csv"
    path.touch()

    with pytest.raises(HistoryError, match=told):
        read_history(path)


def test_what_is_no_text_file_is_one_clear_line(tmp_path):
    (tmp_path / "mine.csv").write_bytes(b"\x89PNG\x00\x00\x00\x0dIHDR\x00\x00")

    with pytest.raises(HistoryError, match="is a binary file, not text"):
        read_history(tmp_path / "mine.csv")
    with pytest.raises(HistoryError, match="no such file"):
        read_history(tmp_path / "other.csv")


def test_rare_classes_become_other_and_repeats_count_once(tmp_path):
    again = ["the line is down again call 0,A,40"]
    torn = ["one text with two labels,A,40", "One text  with two labels,B,40"]
    path = written(
        tmp_path / "mine.csv",
        "text,topic,dissatisfaction",
        *rows("AAABBBC", ["40"] * 7),
        *again,
        *torn,
    )

    history = read_history(path)

    assert history.labels("topic") == ["A", "B", "other"]
    assert len(history.texts) == 7
    assert any("2 repeats, 1 texts with labels that differ" in line for line in history.notes)


def test_no_class_is_held_out_whole():
    history = read_history(OWN)

    learnt, held = parts(history)

    assert held
    assert {one.problem for one in learnt} == set(history.labels("problem"))
    assert not {one.text for one in learnt} & {one.text for one in held}


def test_a_draw_of_few_texts_has_as_many_of_each_class():
    history = read_history(OWN)

    some = fewer(history.texts, "topic", 5)

    assert sorted(one.topic for one in some) == sorted(
        [*["TV"] * 5, *["billing"] * 5, *["network"] * 5]
    )
    assert some != fewer(history.texts, "topic", 5, draw=1)
    assert some == fewer(tuple(reversed(history.texts)), "topic", 5)
