"""`analyze`, `POST /v1/analyze`, `evaluate` and `explore` judge a message as a worker does, however
it is written.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from fakes import NOON
from toy_model import toy_model
from typer.testing import CliRunner

from connectors.events import Complaint, TextEvent, Tweet, encode
from connectors.files import open_file
from models.llm.calls import LlmCalls
from stream.bootstrap.controls import FollowedBrands
from stream.bootstrap.loading import load_brands, load_judge
from stream.bootstrap.web import load_model
from stream.cli.explore import explore
from stream.cli.explored_files import read_pile
from stream.cli.main import app
from stream.controls.defaults import read_defaults
from stream.controls.records import Control
from stream.settings import Settings, read_settings
from stream.store.preview import preview
from stream.triage.judgement import Judge, Judgement
from stream.web.api.messages import ComplaintMessage, TweetMessage

BRANDS = """
[[brand]]
name = "Oakmere Lights"
handles = ["OakmereCare"]
words = ["Oakmere Lights"]
trade = "utility"
locale = "en-GB"
"""
WORDS = "the lights in our flat have been off since Monday and nobody at Oakmere Lights answers"
FOOTER = (
    "\n\nThis e-mail has been scanned for viruses and dangerous content. Legal action may follow "
    "misuse, and fraud is reported to the police."
)
WRITTEN: dict[str, dict[str, str]] = {
    "plain": {},
    "with a footer": {"text": f"Where is my invoice for May?{FOOTER}"},
    "with personal data": {"text": f"{WORDS}, ring me on 020 7946 0958 or jo@example.org"},
    "with a title": {"title": "Smoke comes out of the meter", "text": "Oakmere Lights knows it."},
    "by the brand itself": {"author": "OakmereCare", "text": f"We are sorry that {WORDS}"},
    "with a mail below it": {"text": f"Still dark.\n\nOn 2 March Jo wrote:\n> {WORDS}\n> fire"},
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    path = tmp_path / "brands.toml"
    path.write_text(BRANDS)
    monkeypatch.setenv("EARSHOT_BRANDS", str(path))
    monkeypatch.setenv("EARSHOT_MODEL", str(toy_model()))
    return read_settings()


def event_of(fields: dict[str, str]) -> TextEvent:
    kind = Complaint if "title" in fields else Tweet
    place: dict[str, Any] = {"id": "x:1", "conversation": "x:1", "occurred_at": NOON}
    return kind(**place, **{"text": WORDS, "author": "jo"} | fields)


def by_a_worker(settings: Settings) -> dict[str, Judgement]:
    events = [event_of(fields) for fields in WRITTEN.values()]
    return dict(zip(WRITTEN, load_judge(settings)(events), strict=True))


def command(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_analyze_prints_what_a_worker_makes_of_a_text(settings: Settings) -> None:
    judgements = by_a_worker(settings)
    texts = {
        name: fields.get("text", WORDS)
        for name, fields in WRITTEN.items()
        if not fields.keys() & {"title", "author"}
    }

    lines = [json.loads(line) for line in command("analyze", *texts.values()).splitlines()]

    for name, line in zip(texts, lines, strict=True):
        judgement = judgements[name]
        assert judgement.analysis is not None
        expected = judgement.analysis.as_json() | {"ticket": preview(judgement)}
        assert line == plain(expected), name
        assert list(line) == list(expected)


def test_analyze_says_the_topics_of_the_trade_of_the_brand(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trades: list[str | None] = []
    judge_texts = Judge._read_texts

    def recorded(self: Judge, readings: Any) -> Any:
        trades.extend(reading.trade for reading in readings)
        return judge_texts(self, readings)

    monkeypatch.setattr(Judge, "_read_texts", recorded)
    command("analyze", WORDS, "the weather is nice")

    assert trades == ["utility", None]


def test_analyze_redacts_a_call_and_finds_its_brand(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "call.txt"
    path.write_text(
        f"Agent: Thank you for calling.\nCustomer: {WORDS}.\n"
        "Customer: My number is 020 7946 0958.\nAgent: We will ring you back.\n"
    )
    [(call, _)] = open_file(path, on_bad_row=print)
    [judgement] = load_judge(settings)([call])

    shown = json.loads(command("analyze", "--calls", "--whole-conversation", str(path)))

    assert judgement.analysis is not None
    assert judgement.analysis.call is not None
    assert shown["text"] == judgement.text
    assert shown["topic"] == plain(judgement.analysis.as_json()["topic"])
    assert shown["outcome"] == plain(judgement.analysis.call.as_json()["outcome"])
    assert shown["ticket"] == preview(judgement)
    assert "0958" not in json.dumps(shown)


def test_a_text_that_the_model_cannot_read_stops_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.analyzer import Analyzer

    read = Analyzer.__call__

    def breaking(self: Analyzer, texts: Any, *known: Any) -> Any:
        if "poison" in texts:
            raise RuntimeError("cannot")
        return read(self, texts, *known)

    monkeypatch.setattr(Analyzer, "__call__", breaking)
    lines = [json.loads(line) for line in command("analyze", WORDS, "poison", WORDS).splitlines()]

    assert [line["abstained"] for line in lines] == [False, True, False]
    assert lines[1]["ticket"]["needs_look"]
    assert lines[0]["ticket"] == lines[2]["ticket"]


def test_a_language_model_over_calls_hears_what_is_known_of_them() -> None:
    known: list[Any] = []

    def read(calls: Any, *more: Any) -> list[Any]:
        known.extend(more)
        return []

    class Silent:
        model = "silent"

        def judge(self, texts: Any) -> list[Any]:
            return []

    LlmCalls(read, Silent())([], [], ["bank"])  # type: ignore[arg-type]

    assert known == [[], ["bank"]]


@pytest.mark.parametrize("name", WRITTEN)
def test_rest_answers_what_a_worker_makes_of_it(settings: Settings, name: str) -> None:
    judgement = by_a_worker(settings)[name]
    event = event_of(WRITTEN[name])
    kind = ComplaintMessage if isinstance(event, Complaint) else TweetMessage
    model = load_model(settings, load_brands(settings))

    [answer] = model.read([kind.model_validate_json(encode(event)).event()])

    answer = json.loads(answer)
    assert answer["text"] == judgement.text
    assert answer["ticket"] == preview(judgement)
    assert answer["abstained"] == (judgement.analysis is None)
    if judgement.analysis is not None:
        assert answer["topic"] == plain(judgement.analysis.as_json()["topic"])


async def test_rest_knows_the_brands_that_admins_set(settings: Settings) -> None:
    controls: list[Control] = []

    async def stored() -> list[Control]:
        return controls

    brands = load_brands(settings)
    followed = FollowedBrands(stored, read_defaults(settings), brands)
    await followed.look()
    assert brands.find("@FernPost lost it") is None

    controls.append(
        Control(
            name="brand",
            subject="Fern",
            value={"name": "Fern", "handles": ["FernPost"]},
            secrets={},
            version=1,
            changed_by="ada",
            changed_at=NOON,
        )
    )
    await followed.look()
    assert brands.find("@FernPost lost it") == "Fern"
    assert brands.is_own("OakmereCare")

    controls.clear()
    await followed.look()
    assert brands.find("@FernPost lost it") is None


def test_rest_heeds_what_an_event_says_beside_its_words() -> None:
    said = {"brand": "A", "author": "b", "direction": "outbound", "followers": 9, "language": "en"}

    event = TweetMessage.model_validate({"kind": "tweet", "text": "hello", **said}).event()

    assert {name: getattr(event, name) for name in said} == said


def confusion_of(settings: Settings, path: Path, fields: dict[str, str]) -> dict[str, Any]:
    with path.open("w", encoding="utf-8", newline="") as file:
        columns = ["text", "title", "author", "brand", "should_ticket", "priority"]
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        row = {"text": WORDS, "author": "jo", "should_ticket": "1", "priority": "P2"}
        writer.writerow(row | fields)
    return dict(json.loads(command("evaluate", "triage", "--data", str(path)))["confusion"]["P2"])


@pytest.mark.parametrize("name", WRITTEN)
def test_evaluate_triage_weighs_what_a_worker_makes_of_it(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    ticket = preview(by_a_worker(settings)[name])

    confusion = confusion_of(settings, tmp_path / "rows.csv", WRITTEN[name])

    [level] = [level for level, count in confusion.items() if count]
    assert level == (ticket["level"] if ticket else "none")


def test_evaluate_reads_brand_and_title(settings: Settings, tmp_path: Path, monkeypatch) -> None:
    events: list[TextEvent] = []
    read = Judge.read

    def recorded(self: Judge, batch: Any) -> Any:
        events.extend(batch)
        return read(self, batch)

    monkeypatch.setattr(Judge, "read", recorded)
    confusion_of(settings, tmp_path / "rows.csv", {"title": "Dark", "brand": "Oakmere Lights"})
    path = tmp_path / "conversations.jsonl"
    turns = [{"speaker": "customer", "text": WORDS}, {"speaker": "customer", "text": "thanks"}]
    line = {"turns": turns, "state": "open", "title": "Dark", "brand": "Oakmere Lights"}
    path.write_text(json.dumps(line) + "\n")
    command("evaluate", "conversations", "--data", str(path))

    assert [event.brand for event in events] == ["Oakmere Lights"] * 3
    assert [getattr(event, "title", None) for event in events] == ["Dark", "Dark", None]


TABLE = "\n".join(
    [
        "date,company,subject,author,text",
        *(f"2026-03-{day:02},,Smoke in flat {day},jo,{WORDS} &amp; more" for day in range(1, 25)),
        "2026-03-25,,Good news,OakmereCare,We mended the transformer",
        "",
    ]
)


def test_explore_reads_the_events_that_replay_makes_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "complaints.csv"
    path.write_text(TABLE)

    pile = read_pile(path, [], limit=1_000)

    assert [event for event, _ in pile.texts] == [
        event for event, _ in open_file(path, on_bad_row=print)
    ]
    assert {text.when for _, text in pile.texts} == {event.occurred_at for event, _ in pile.texts}


def test_explore_shows_a_title_and_no_words_of_the_brand_itself(
    settings: Settings, tmp_path: Path
) -> None:
    path, out = tmp_path / "complaints.csv", tmp_path / "report.html"
    path.write_text(TABLE)

    explore(path, out=out, labels=None, limit=1_000)

    page = out.read_text(encoding="utf-8")
    assert "What 24 complaints say" in page
    assert "smoke" in page.casefold()
    assert "transformer" not in page


def test_a_title_that_is_a_label_is_judged_and_no_word_of_the_page(
    settings: Settings, tmp_path: Path
) -> None:
    path, out = tmp_path / "complaints.csv", tmp_path / "report.html"
    rows = [f"{WORDS} number {place},{'zebrafish' if place % 2 else 'b'}" for place in range(24)]
    path.write_text("\n".join(["text,topic", *rows]) + "\n")

    pile = read_pile(path, [], limit=1_000)
    explore(path, out=out, labels=None, limit=1_000)

    assert {getattr(event, "title", None) for event, _ in pile.texts} == {"zebrafish", "b"}
    assert pile.has_classes
    assert "zebrafish the lights" not in out.read_text(encoding="utf-8")


def test_explore_names_a_wrong_date_and_reads_the_row(tmp_path: Path) -> None:
    path = tmp_path / "complaints.csv"
    path.write_text(f"date,text\nsoon,{WORDS}\n2026-03-02,{WORDS}\n2026-03-03,\n")
    bad_rows: list[Any] = []

    pile = read_pile(path, bad_rows, limit=1_000)

    assert [text.when is None for _, text in pile.texts] == [True, False]
    assert [(bad.line, bad.kind) for bad in bad_rows] == [(2, "date")]
