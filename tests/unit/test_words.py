"""The words that set a crowd apart are those of many, and never one person's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from operator import itemgetter

from connectors.events import SourcedEvent, Tweet
from models.analysis import Analysis, Sentiment
from stream.brands import Brand, Brands
from stream.bursts.distinctive_words import AuthoredText, distinctive_words, examples
from stream.bursts.explain import explain, markdown, read_messages
from stream.triage.judgement import Judge

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def said(*texts, one_voice=False):
    return [
        AuthoredText(f"x:{n}", text, "one" if one_voice else f"a{n}")
        for n, text in enumerate(texts)
    ]


USUAL = said(
    *[f"my bill is wrong again, {n} days now" for n in range(1, 60)], *["the app logs me out"] * 40
)


def test_what_many_say_now_and_nobody_said_before_comes_first():
    now = said(*[f"the internet is down here in street {n}" for n in range(20)], "my bill is wrong")

    words = distinctive_words(now, USUAL)

    assert words[0] == "internet"
    assert "bill" not in words


def test_a_pair_is_told_instead_of_its_words():
    now = said(*[f"error code on screen, row {n}" for n in range(12)])

    words = distinctive_words(now, USUAL)

    assert "error code" in words
    assert "error" not in words


def test_one_loud_voice_is_no_crowd_and_nobody_is_quoted():
    shouting = said(*["scandal scandal scandal"] * 30, one_voice=True)

    assert distinctive_words([*shouting, *USUAL[:20]], USUAL) == []


def test_names_links_handles_placeholders_and_small_words_say_nothing():
    now = said(*["@voltline Volt Line http://t.co/x1 [phone] it is what it is for us"] * 20)
    now = [AuthoredText(each.id, each.text, f"a{n}") for n, each in enumerate(now)]

    assert distinctive_words(now, USUAL, exclude=["Volt Line"]) == []


def test_no_word_is_told_twice():
    now = said(*[f"who bought hazelnut spread, recalled hazelnut jar {n}" for n in range(20)])

    words = distinctive_words(now, USUAL)

    told = [word for term in words for word in term.split()]
    assert sorted(told) == sorted(set(told))
    other = distinctive_words(now, USUAL, exclude=["a lost hazelnut"])
    assert "hazelnut" not in " ".join(other).split()


def test_nothing_to_compare_with_is_nothing_to_say():
    assert distinctive_words([], USUAL) == []
    assert distinctive_words(USUAL[:2], []) == []


def test_examples_hold_the_words_and_are_of_different_people_and_texts():
    crowd = said(
        "no internet", "tea is cold", "internet and phone down", "internet AND phone down!"
    )
    crowd.append(AuthoredText("x:9", "phone, internet, all down", "a2"))

    assert examples(crowd, ["internet", "phone"]) == ["x:2", "x:0", "x:1"]


def analyze(texts, languages):
    return [
        Analysis(text, "en", "m", Sentiment("negative" if "!" in text else "neutral", 0.9, {}))
        for text in texts
    ]


def test_a_file_is_explained_by_its_bursts_and_their_words():
    usual = [(f"bill wrong, order {n}!", 20 * n) for n in range(60)]
    storm = [(f"no internet | in <b>{n}</b> `x`!", 60 * 14 + n / 4) for n in range(60)]
    tweets = [
        Tweet(
            id=f"x:{n}",
            conversation=f"x:{n}",
            occurred_at=NOON + timedelta(minutes=minute),
            text=text,
            brand="VoltLine",
            author=f"a{n}",
        )
        for n, (text, minute) in enumerate(sorted([*usual, *storm], key=itemgetter(1)))
    ]
    events = [SourcedEvent(tweet, n) for n, tweet in enumerate(tweets)]

    report = explain(read_messages(events, Judge(analyze, Brands([Brand("VoltLine")]))), hours=2)
    [brand] = report["brands"]
    [burst] = brand["bursts"]

    assert (report["messages"], report["negative"]) == (120, 120)
    assert burst["start"].startswith("2026-03-13T02:0")
    assert burst["words"][0] == "internet"
    assert brand["busiest_hours"][-1]["in_a_burst"]
    page = markdown(report, "day.csv")
    assert "<b>" not in page
    assert all(line.count("|") == 7 for line in page.splitlines() if line.startswith("| 2026"))
