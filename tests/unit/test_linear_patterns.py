"""Texts that are made to be slow take time by their length alone, not by its square."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import patterns
import pytest
from fakes import NOON
from growth import Step, Text, is_endless, is_superlinear, repeated, seconds

import connectors
import models
import stream
from connectors import events, markup, notices, webhook
from connectors.formats import (
    call_json,
    date_words,
    inline_labels,
    labels,
    table_columns,
    timed_text,
    turn_columns,
)
from connectors.formats.captions import captions, is_captions
from connectors.formats.speakers import turns
from connectors.formats.times import written_time
from connectors.imap import bodies, quotes
from connectors.imap import markup as mail_markup
from connectors.imap.mails import NoComplaint, mail_event
from connectors.keywords import KeywordFilter
from connectors.tabular.rows import column_name
from models.calls.cues import read_cues
from models.calls.sides import Utterance, sided
from models.language import detect
from models.passages import passages
from models.redact import redact
from models.replier import answers, policy, rules, slots
from models.replier.draft import ReplyRequest
from models.replier.polish import polished
from models.taxonomy.words import telling_words
from models.text import normalize
from models.time_limit import TooSlow
from stream import brands
from stream.bursts import distinctive_words, explain
from stream.desk import canned, personal_traces, search
from stream.triage import footer
from stream.triage.cues import thesaurus
from stream.triage.danger_words import danger_words
from stream.triage.fold import fold
from stream.triage.ticket import Message

ROOT = Path(__file__).resolve().parents[2]
SHORT, LONG, LONGEST = 800, 6_000, 300_000  # characters
QUICK = 80e-6  # seconds for a short text, of which even the square is bearable
# Some break a match at the last character, some only far behind it.
ENDINGS = ("!", "\n" + " x" * 40)
MORE_ENDINGS = ("", "!", "\n x", " " * 40 + "\x00")
SLOW = 50e-3 / 10_000  # seconds a character of a pattern
# A step has dozens of patterns, and a library that takes a part of a millisecond for each number.
SLOW_STEP = 4 * SLOW
MACHINE = 4.0  # times as slow as an ordinary one

PERSONAL = (
    *("07700 900123\n", "(202) 555-0147,", "4111111111111111,", "ana@example.com'", "12 Elm Rd."),
    *("DE89 3704 0044 0532 0130 00 ", "pnr ABCDEF, ", "call 1234567 ", "AB12 ", "1.2.3.4 "),
)
PHRASES = (
    *("smell of gas ", "not a ", "really really ", "#AaBb", "Hi Ann, ", "$1,", "https://a"),
    *("@a.b ", "a'''", "\U0001f600", "\u0623", "RT @a ", "e\u0301", "\u200d", "&#38;", "&amp"),
)
LINES = (
    *("Agent: a\nCustomer: b\n", "00:01 --> 00:02\na\n", "00:01 --> 00:02\n", "Agent:", "1\n\n"),
    *(
        "Anna  0:05\na\n",
        "(pause)\n",
        "[Anna] ",
        "Anna - ",
        "Anna\t",
        "--\n",
        "NOTE\n",
        "12:30 PM ",
    ),
)
TAGS = (
    *("<v a>", "<v.a ", "{\\", "<!--", "<!", "<?", "<![if ", "<a href='", "<a href='<a href='>"),
    *("</a ", "<script>", "<a \"'", "<div>", "</p>", "<br>", "<blockquote>", "<ul><li>", "<td>"),
    *(
        "<title></title>",
        "<a xxxx",
        "<span class=invisible>",
        "<p style='display:none'>",
        "<table>",
    ),
)
MAILS = (
    *(
        "> a\n",
        "> ",
        "On 1 May 2024 at 10:00, a <a@b.c> wrote:\n> a\n",
        "From: a@b.c\n",
        "From: Ann\nhi\n",
        "-- \nAnn\n",
    ),
    *("On 1 May 2024 10:00\n", "a@b.c wrote:\n\n", "Regards\nAnn\n", "a\n\n", ">\n\n", "_____\n"),
    *(
        "-----Original Message-----\n",
        "confidential\n\n",
        "Sent from my iPhone\n",
        "---- forwarded ---",
    ),
)
FIELDS = ("=?utf-8?q?a?= ", "<a@b.c> ", '"a" <a@b>,', "(", "\\", "a;", "=?a?", "\n ")
PIECES = (*patterns.COMMON, *PERSONAL, *PHRASES, *LINES, *TAGS, *MAILS, *FIELDS)


@cache
def _patterns() -> dict[str, patterns.Use]:
    return patterns.patterns(models, connectors, stream)


def _slots() -> slots.Slots:
    return slots.Slots(["hello"])


def _fold(text: str) -> None:
    with suppress(TooSlow):  # cut off, as it is to be
        fold([Message("x:1", "x:1", "tweet", "inbound", NOON, text=text, negative=0.9)])


def _written_time(text: str) -> None:
    with suppress(ValueError):
        written_time(text)


def _check(text: str) -> object:
    request = ReplyRequest(text, brand="SkyNorth", network="x")
    return policy.check("We are sorry, Ann, that flight 22 is late", request)


def _own_words(text: str) -> object:
    return [quotes.own_words(text, is_reply=reply, author="Ann Lee") for reply in (False, True)]


def _mail(kind: str) -> Step:
    def read(text: str) -> None:
        head = f"From: Ann <ann@b.example>\nSubject: Re: late\nContent-Type: {kind}\n\n"
        with suppress(NoComplaint):
            mail_event(head.encode() + text.encode("utf-8", "replace"), NOON)

    return read


def _headers(text: str) -> None:
    value = " ".join(text.split())
    names = ("From", "Subject", "Message-ID", "References", "Reply-To", "Date", "Content-Type")
    head = "".join(f"{name}: {value}\n" for name in names)
    with suppress(NoComplaint):
        mail_event(head.encode("utf-8", "replace") + b"\nmy bag is lost", NOON)


def _ignoring(step: Step, *errors: type[Exception]) -> Step:
    def read(text: str) -> None:
        with suppress(*errors):
            step(text)

    return read


def _timed(text: str) -> None:
    if timed_text.is_timed_text(text):
        list(timed_text.timed_lines(text))
    list(timed_text.timed_lines(f"<tt><body><div><p begin='1s'>{text}</p></div></body></tt>"))


def _conversation(text: str) -> None:
    """Whether the customer's last word settles it."""
    messages = [
        Message(f"x:{n}", "x:0", "tweet", side, NOON, text=words, negative=0.6)
        for n, (side, words) in enumerate(
            [("inbound", text), ("outbound", "we look into it"), ("inbound", f"thanks, {text}")]
        )
    ]
    with suppress(TooSlow):
        fold(messages)


_TRACES = personal_traces.Traces(
    ["did:plc:zora", "zora_quill", "ann@b.example", "ab"],
    ["my zebra case never came and nobody would even look at me", "a a a a a a a a a"],
    near=True,
)
_TICKET = {"id": "x:1", "network": "x", "author": "Ann Lee", "brand": "SkyNorth"}

# What reads calls, tables, conversations, searches and people's own words.
LATER_STEPS: dict[str, Step] = {
    "timed text": _ignoring(_timed, ValueError, ElementTree.ParseError),
    "labels within lines": lambda text: inline_labels.parted(text.split("\n")),
    "wrapped lines": lambda text: inline_labels.unwrapped(text.split("\n")),
    "labels": lambda text: [labels.labelled(line) for line in text.split("\n")],
    "columns of turns": lambda text: turn_columns.inferred(
        [{"a": line, "b": line[:20]} for line in text.split("\n")]
    ),
    "names of columns": lambda text: table_columns.may_name_columns(text.split(",")),
    "cells of columns": lambda text: table_columns.by_content(
        ("a", "b"), [[line, line] for line in text.split("\n")]
    ),
    "calls in JSON": lambda text: (call_json.is_document(text), call_json.begins_json(text)),
    "words of dates": lambda text: (date_words.zone_name(text), date_words.in_english(text)),
    "words of webhooks": webhook._words,
    "sides of a call": lambda text: sided(
        [Utterance("unknown", line, "Ann") for line in text.split("\n")]
    ),
    "footers": lambda text: (footer.own_words(text), footer.judged_words(text)),
    "settlement": _conversation,
    "search": _ignoring(lambda text: search.parse(text, NOON), search.BadSearch),
    "canned answers": lambda text: canned.fill(text, _TICKET),
    "names in canned answers": lambda text: canned.fill("Hi {name}", _TICKET | {"author": text}),
    "traces of somebody": _TRACES.without,
    "traces of a text": lambda text: personal_traces.Traces(["ann_b"], [text]).without(
        "hello " * 9
    ),
    "traces in bytes": lambda text: _TRACES.named_in_bytes(text.encode("utf-8", "replace")),
    "needs of a reply": lambda text: rules.needs(ReplyRequest(text, brand="SkyNorth", network="x")),
    "answers of our own": lambda text: list(
        answers.answers_to(
            ReplyRequest(text, brand="SkyNorth", network="x"), _slots().message(text, ("SkyNorth",))
        )
    ),
    "events": _ignoring(lambda text: events.decode(text.encode("utf-8", "replace")), ValueError),
}
STEPS: dict[str, Step] = {
    "redact": redact,
    "language": detect,
    "normalisation": normalize,
    "cues": lambda text: thesaurus().find(text),
    "words of danger": lambda text: danger_words().find(text),
    "fold": _fold,
    "brand": lambda text: brands.load().find(text),
    "passages": passages,
    "words of a problem": lambda text: telling_words(text, ["my bag is lost"]),
    "words of bursts": distinctive_words._terms,
    "words of an explanation": explain._plain,
    "words of a call": lambda text: read_cues().angry(text),
    "particulars of a message": lambda text: _slots().message(text, ("SkyNorth",)),
    "particulars of a reply": lambda text: _slots().reply(text, _slots().message("hello Ann 1")),
    "an agent's reply": slots.unsigned,
    "policy of a message": _check,
    "policy of a reply": policy.forbidden,
    "length of a reply": lambda text: [policy.length(text, name) for name in ("x", "bluesky")],
    "polish": polished,
    "repeats": policy.same,
    "notices": lambda text: notices.one_line(text, 100),
    "entities": events.unescaped,
    "keywords": KeywordFilter(["sky north", "#late"], ["skynorth"]),
    "markup": lambda text: (markup.is_markup(text), markup.plain(text)),
    "markup of mails": lambda text: (mail_markup.is_markup(text), mail_markup.lines_of(text)),
    "words of mails": _own_words,
    "character sets": lambda text: bodies.decoded(text.encode("utf-8", "replace"), "koi8-r"),
    "mails": _mail("text/plain"),
    "mails of markup": _mail("text/html"),
    "headers of mails": _headers,
    "turns": lambda text: turns(text.split("\n")),
    "captions": lambda text: (is_captions(text), captions(text.split("\n"))),
    "columns": column_name,
    "times": _written_time,
} | LATER_STEPS


@pytest.fixture(autouse=True, scope="module")
def _no_collection() -> Iterator[None]:
    """The collector of garbage runs when it likes, and its time is nobody's."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def slow(
    step: Step,
    texts: Iterable[tuple[str, str]],
    *,
    thorough: bool = False,
    bounded: bool = False,
    quick: float = QUICK,
) -> str:
    """What is wrong with a step: the first text that takes more than its length explains; "" where
    none does. Short texts come first, and the slowest of them is grown.

    bounded: it cannot take the square, so that only its short texts and the slowest are looked at.
    """
    slowest, worst = 0.0, repeated("", "a", "")
    endings = MORE_ENDINGS if thorough else ENDINGS[:1] if bounded else ENDINGS
    for (beginning, piece), ending in product(texts, endings):
        text = repeated(beginning, piece, ending)
        if is_endless(step, text):
            return f"has no end for {text(24)!r}"
        short = seconds(step, text(SHORT))
        if short > slowest:
            slowest, worst = short, text
        if short > quick and is_superlinear(step, text, SHORT):
            return _square(text)
        is_suspected = thorough and not bounded and seconds(step, text(LONG)) > quick * LONG / SHORT
        if is_suspected and is_superlinear(step, text, LONG):
            return _square(text)
    return _slow_when_long(step, worst, LONGEST if thorough else 4 * LONG, SLOW)


def _slow_when_long(step: Step, worst: Text, length: int, most: float) -> str:
    """most: seconds a character, on an ordinary machine."""
    if is_superlinear(step, worst, length // 4):
        return _square(worst)
    if all(seconds(step, worst(length)) > MACHINE * most * length for _ in range(2)):
        return f"takes too long for {worst(20)!r} ..."
    return ""


def _square(text: Text) -> str:
    return f"takes the square of {text(24)!r} ..."


def faults(*, thorough: bool) -> dict[str, str]:
    """What is wrong with patterns, by their places."""
    found = {
        place: slow(
            use,
            patterns.growing(use.pattern),
            thorough=thorough,
            bounded=patterns.is_bounded(use.pattern),
        )
        for place, use in _patterns().items()
    }
    return {place: fault for place, fault in found.items() if fault}


def test_no_pattern_takes_the_square_of_a_text() -> None:
    assert len(_patterns()) > 250
    assert faults(thorough=False) == {}


@pytest.mark.long
def test_no_pattern_takes_the_square_of_a_text_of_300_kb() -> None:
    assert faults(thorough=True) == {}


@pytest.mark.parametrize(
    "written",
    [r"\s+,", r"a*b", r"(?:a+)+b", r"<a[^>]*>", r"\d+(?:\.\d+)*x", r"x.*y.*z"],
)
def test_what_takes_the_square_is_noticed(written) -> None:
    use = patterns.Use(patterns.compiled(written), frozenset())

    assert slow(use, patterns.growing(use.pattern))


@pytest.mark.parametrize(
    "written", [r"\s+,", r"a*b", r"(?:a{1,})b", r"x(?=.*y)", r"(a|b+?)c", r"a{0,999}b"]
)
def test_what_repeats_many_times_is_not_bounded(written) -> None:
    assert not patterns.is_bounded(patterns.compiled(written))


@pytest.mark.parametrize("written", [r"\s,", r"a{0,3}b", r"(?:(?:ab?){1,9})c", r"\bx(?!y)", "a|b"])
def test_what_repeats_a_few_times_is_bounded(written) -> None:
    assert patterns.is_bounded(patterns.compiled(written))


def test_the_walk_visits_every_module_but_migrations() -> None:
    """And but the name under which programs import earshot, which is a module of another room."""
    visited = {module.__name__ for module in patterns.modules(models, connectors, stream)}
    files = {
        ".".join(path.with_suffix("").relative_to(ROOT).parts).removesuffix(".__init__")
        for package in ("models", "connectors", "stream")
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts and path.stem != "__main__"
    }

    assert files - visited <= {
        "models",
        "connectors",
        "stream",
        "stream.exposed.earshot",
    }


def test_a_pattern_is_tried_as_it_is_used() -> None:
    """From the beginning of a text alone, blanks before a comma take their length."""
    pattern = patterns.compiled(r"\s+,")

    assert not slow(patterns.Use(pattern, frozenset({"match"})), patterns.growing(pattern))
    assert slow(patterns.Use(pattern, frozenset({"match", "search"})), patterns.growing(pattern))
    assert patterns.patterns(connectors)  # the name `_NUMBERED` of one module is none of another's


@pytest.mark.parametrize("name", STEPS)
def test_no_step_takes_the_square_of_a_text(name: str) -> None:
    step = STEPS[name]
    step("hello there")  # what is loaded is loaded once

    assert slow_step(step) == ""


@pytest.mark.long
@pytest.mark.parametrize("name", STEPS)
def test_no_step_takes_the_square_of_a_text_of_300_kb(name: str) -> None:
    step = STEPS[name]
    step("hello there")

    assert slow_step(step, longest=LONGEST) == ""


def slow_step(step: Step, longest: int = 0) -> str:
    """What is wrong with a step; `longest` characters of the texts that take it longest, too."""
    times: list[tuple[float, str, str]] = []
    for piece, ending in product(PIECES, ENDINGS if longest else ENDINGS[1:]):
        text = repeated("", piece, ending)
        short = seconds(step, text(SHORT))
        times.append((short, piece, ending))
        long = seconds(step, text(4 * SHORT))
        # A square takes sixteen times as long. What is looked at again may be so by chance.
        if long > max(6 * short, 1e-3) and is_superlinear(step, text, SHORT):
            return _square(text)
    for _, piece, ending in sorted(times, reverse=True)[: 3 if longest else 1]:
        worst = repeated("", piece, ending)
        fault = _slow_when_long(step, worst, longest or 2 * LONG, SLOW_STEP)
        if fault:
            return fault
    return ""


def test_a_dollar_means_the_end_of_a_line_and_nothing_else() -> None:
    r"""`$` matches before a last line feed as well; `\Z` is the end of a text."""
    dollars = [
        place for place, use in _patterns().items() if patterns.ends_with_dollar(use.pattern)
    ]

    assert patterns.ends_with_dollar(patterns.compiled("[a-z]$"))
    assert patterns.ends_with_dollar(patterns.compiled("(?:a|b(?=c|$))d"))
    assert not patterns.ends_with_dollar(patterns.compiled(r"(?m)[$]a\$\Z$"))
    assert dollars == []
