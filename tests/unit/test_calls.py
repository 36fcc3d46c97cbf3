"""Calls understood: who is the customer, how the call went, where it turned sour, and how well that
is known.
"""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.analysis import Analysis, Call, Outcome, Sentiment
from models.analyzer import Analyzer
from models.artifact import ArtifactError, default_artifact
from models.calls.analyzer import SOUR, CallReader, call_reader
from models.calls.courtesies import has_matter
from models.calls.cues import read_cues
from models.calls.head import CUE_SCALE, HEAD, JUDGED, SideTurns, load_head
from models.calls.sides import Utterance, sided
from models.evaluation.calls import evaluate_calls
from stream.cli.call_files import labelled, read_calls, read_labels
from stream.errors import UserError

CALLS = Path(__file__).parents[1] / "data" / "calls"


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer(default_artifact(), threads=1)


@pytest.fixture(scope="module")
def whole(analyzer) -> CallReader:
    return call_reader(analyzer, default_artifact(), whole=True)


@pytest.fixture(scope="module")
def customer_alone(analyzer) -> CallReader:
    return call_reader(analyzer, default_artifact())


def call(name: str) -> list[Utterance]:
    [turns] = read_calls(CALLS / name, pytest.fail).values()
    return turns


def read(reader: CallReader, turns: list[Utterance]) -> tuple[Analysis, Call]:
    [analysis] = reader([turns])
    assert analysis.call is not None
    return analysis, analysis.call


@pytest.mark.parametrize("name", ["whole", "customer_alone"])
def test_a_call_that_ends_with_thanks_and_nothing_left_to_do_is_resolved(name, request):
    analysis, heard = read(request.getfixturevalue(name), call("health_resolved.txt"))

    assert analysis.sentiment is not None
    assert analysis.sentiment.label == "positive"
    assert heard.outcome is not None
    assert heard.outcome.label == "resolved"
    assert heard.soured is None
    assert sum(heard.outcome.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["whole", "customer_alone"])
def test_a_call_that_ends_with_waiting_needs_a_follow_up_and_quotes_why(name, request):
    _, heard = read(request.getfixturevalue(name), call("airline_follow_up.vtt"))

    assert heard.outcome is not None
    assert heard.outcome.label == "follow_up"
    assert heard.outcome.words


def test_the_trajectory_follows_the_customer_turn_by_turn_and_tension_rises_to_the_quarrel(whole):
    analysis, heard = read(whole, call("telecom_sour.json"))

    assert [moment.turn for moment in heard.trajectory] == [1, 3, 5, 7, 9]
    assert [moment.at for moment in heard.trajectory] == [4.5, 17.0, 33.0, 46.0, 60.0]
    assert heard.trajectory[0].tension < SOUR <= heard.trajectory[-1].tension
    assert heard.soured is not None
    assert heard.soured.turn < len(call("telecom_sour.json")) - 1, "before the last turn"
    assert analysis.sentiment is not None
    assert analysis.sentiment.label == "negative"
    assert analysis.dissatisfaction is not None
    assert analysis.dissatisfaction > 30


def test_a_call_that_grows_turn_by_turn_keeps_its_trajectory_and_reads_each_turn_once(analyzer):
    counted: list[str] = []

    def counting(texts, languages):
        counted.extend(texts)
        return analyzer(texts, languages)

    growing = CallReader(counting, None)
    turns = call("telecom_sour.json")
    grown = [read(growing, turns[:size])[1].trajectory for size in range(2, len(turns) + 1)]

    assert len(counted) == 5, "the customer's turns, each once"
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(grown))


def test_a_turn_means_the_same_alone_and_among_other_calls(whole):
    turns = [
        call(name) for name in ("telecom_sour.json", "health_resolved.txt", "airline_follow_up.vtt")
    ]

    assert whole(turns) == [whole([one])[0] for one in turns]


def test_who_offers_help_is_the_agent_and_the_other_one_the_customer(whole):
    turns = call("telecom_named.csv")

    assert [turn.speaker for turn in turns] == ["agent", "customer"] * 3 + ["agent"]
    assert read(whole, turns)[1].customer_turns == 3


@pytest.mark.parametrize(
    "said",
    [
        [("A", "hello"), ("B", "hi there")],
        [("A", "How can I help you?"), ("B", "How can I help you, too?")],
        [("A", "How can I help you?")],
    ],
)
def test_speakers_whom_nobody_can_tell_apart_stay_unknown_and_the_call_abstains(whole, said):
    turns = sided([Utterance("unknown", text, name) for name, text in said])

    assert {turn.speaker for turn in turns} == {"unknown"}
    assert read(whole, turns)[0].abstained


@pytest.mark.parametrize(
    "turns",
    [
        [],
        [Utterance("agent", "Hello? Is anybody there?")],
        [
            Utterance(
                "customer",
                "Guten Tag, mein Internet geht seit gestern nicht mehr "
                "und niemand hilft mir weiter.",
            )
        ],
    ],
)
def test_without_a_customer_whose_words_it_knows_a_call_abstains(whole, turns):
    analysis, heard = read(whole, turns)

    assert analysis.abstained
    assert analysis.sentiment is None
    assert heard.outcome is None


def test_personal_data_is_gone_before_a_turn_is_read(tmp_path):
    (tmp_path / "call.txt").write_text(
        "Agent: Your e-mail?\nCustomer: jo@example.org, and +44 20 7946 0958.\n"
    )
    [turns] = read_calls(tmp_path / "call.txt", pytest.fail).values()

    assert turns[1].text == "[email], and [phone]."


def test_a_head_for_another_encoder_is_refused_with_what_to_do(tmp_path, analyzer):
    shutil.copy(default_artifact() / HEAD, tmp_path / HEAD)

    with pytest.raises(ArtifactError, match=r"was made for the model .* run `earshot train calls`"):
        load_head(tmp_path, "another-1", read_cues())


@pytest.mark.parametrize(
    "damage",
    [lambda told: told.pop("heads"), lambda told: told["heads"]["whole outcome"]["bias"].append(1)],
)
def test_a_damaged_head_is_refused(tmp_path, analyzer, damage):
    told = json.loads((default_artifact() / HEAD).read_text())
    damage(told)
    (tmp_path / HEAD).write_text(json.dumps(told))

    with pytest.raises(ArtifactError, match="is not a head for calls"):
        load_head(tmp_path, analyzer.version, read_cues())


def test_without_a_head_the_outcome_stays_open_and_the_turns_tell_the_sentiment(tmp_path, analyzer):
    analysis, heard = read(call_reader(analyzer, tmp_path), call("telecom_sour.json"))

    assert heard.outcome is None
    assert analysis.sentiment is not None
    assert analysis.sentiment.label == "negative"


def judged(sentiment: str | None, outcome: str = "resolved") -> Analysis:
    if sentiment is None:
        return Analysis("", "en", "m", abstained=True, call=Call(0, 0, None, ()))
    odds = {label: float(label == sentiment) for label in ("negative", "neutral", "positive")}
    told = Outcome(
        outcome,
        1.0,
        {"resolved": float(outcome == "resolved"), "follow_up": float(outcome != "resolved")},
    )  # type: ignore[arg-type]
    return Analysis(
        "", "en", "m", sentiment=Sentiment(sentiment, 1.0, odds), call=Call(2, 1, told, ())
    )  # type: ignore[arg-type]


def test_figures_are_what_a_hand_counts():
    analyses = [
        judged("positive"),
        judged("positive"),
        judged("neutral", "follow_up"),
        judged("negative"),
    ]
    report = evaluate_calls(
        analyses,
        {
            "sentiment": ["positive", "neutral", "neutral", "negative"],
            "outcome": ["resolved", "resolved", "follow_up", None],
        },
    )

    assert report["n"] == 4
    assert report["sentiment"]["accuracy"] == 0.75
    assert report["sentiment"]["confusion"]["neutral"] == {
        "negative": 0,
        "neutral": 1,
        "positive": 1,
    }
    assert report["sentiment"]["per_class"]["positive"]["f1"] == pytest.approx(2 / 3, abs=1e-4)
    assert report["sentiment"]["weighted_f1"] == pytest.approx(
        (1 + 2 * 2 / 3 + 2 / 3) / 4, abs=1e-4
    )
    assert report["outcome"]["n"] == 3
    assert report["outcome"]["accuracy"] == 1
    low, high = report["sentiment"]["interval"]["accuracy"]
    assert 0 <= low < 0.75 < high <= 1


def test_a_call_that_abstained_is_a_wrong_answer():
    report = evaluate_calls(
        [judged(None), judged("positive")], {"sentiment": ["positive", "positive"]}
    )

    assert report["sentiment"]["accuracy"] == 0.5
    assert report["sentiment"]["confusion"]["positive"] == {
        "negative": 0,
        "neutral": 0,
        "positive": 1,
        "abstained": 1,
    }


def test_labels_meet_their_calls_by_the_name_of_the_file():
    bad = []
    calls, labels = labelled(CALLS, None, bad.append)

    assert list(calls) == ["health_resolved.txt", "airline_follow_up.vtt"]
    assert labels["airline_follow_up.vtt"] == {"sentiment": None, "outcome": "follow_up"}
    assert [row.reason.partition(":")[0] for row in bad] == [
        "airline_exchange.csv",
        "telecom_named.csv",
        "telecom_sour.json",
        "agent_only.txt",
        "nobody_named.txt",
    ], "what a folder of texts does not take, and what is no call"


TOLD = {
    "name": "one",
    "sentiment": "neutral",
    "outcome": "follow-up",
    "turns": [
        {"speaker": "agent", "text": "How can I help?"},
        {"speaker": "customer", "text": "Where is my parcel?"},
    ],
}


def test_a_line_of_json_brings_its_call_and_its_labels(tmp_path):
    path = tmp_path / "calls.jsonl"
    other = TOLD | {"name": "other", "sentiment": None, "outcome": "resolved"}
    path.write_text(f"{json.dumps(TOLD)}\n\n{json.dumps(other)}\n")
    calls, labels = labelled(path, None, pytest.fail)

    assert [turn.text for turn in calls["one"]] == ["How can I help?", "Where is my parcel?"]
    assert labels == {
        "one": {"sentiment": "neutral", "outcome": "follow_up"},
        "other": {"sentiment": None, "outcome": "resolved"},
    }


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (
            {"name": "two", "sentiment": "sad"},
            "line 2: unknown sentiment 'sad'; use negative, neutral, positive",
        ),
        ({}, "line 2: a second call 'one'"),
    ],
)
def test_a_wrong_label_in_a_line_is_named(tmp_path, wrong, expected):
    path = tmp_path / "calls.jsonl"
    path.write_text(f"{json.dumps(TOLD)}\n{json.dumps(TOLD | wrong)}\n")

    with pytest.raises(UserError, match=expected):
        labelled(path, None, pytest.fail)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "name,outcome\na,resolved\n",
            "no column file; its columns are name, outcome",
        ),
        (
            "file,outcome\na,maybe\n",
            "line 2: unknown outcome 'maybe'; use resolved, follow_up",
        ),
        ("file,sentiment\na,sad\n", "unknown sentiment 'sad'"),
        ("", "no column file"),
    ],
)
def test_wrong_labels_are_one_line(tmp_path, content, expected):
    path = tmp_path / "labels.csv"
    path.write_text(content)

    with pytest.raises(UserError, match=expected):
        read_labels(path)


def test_labels_of_calls_that_are_not_there_are_told(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("file,outcome\nnobody.txt,resolved\n")

    with pytest.raises(UserError, match="there is no call"):
        labelled(CALLS, path, lambda bad: None)


def test_cues_are_found_turn_by_turn():
    cues = read_cues()
    hits = cues.hits("customer", ["it still doesn’t work", "okay", "perfect, thanks"])
    by_name = dict(zip(cues.customer, hits.T.tolist(), strict=True))

    assert by_name["still"] == [True, False, False]
    assert by_name["works"] == [False, False, True]
    assert by_name["okay"] == [False, True, False]


def side_of(hits: list[bool], *, matter: list[bool] | None = None, settled: float = 0) -> SideTurns:
    """Turns of one cue group, with an embedding of width 2."""
    turns = len(hits)
    judgements = np.zeros((turns, JUDGED), np.float32)
    judgements[-1:, -1] = settled
    return SideTurns(
        np.ones((turns, 2), np.float32),
        np.ones(turns, bool),
        np.array([True] * turns if matter is None else matter, bool),
        np.array(hits, bool).reshape(turns, 1),
        judgements,
    )


def test_cues_count_in_the_half_where_they_are_said():
    side = side_of([True, False, False, True, False])
    embedding, first, second = np.split(side.features()[:4], [2, 3])

    assert embedding.tolist() == [1, 1]
    assert first == second == pytest.approx(CUE_SCALE * np.log(2))
    assert side.without(3).features()[3] == 0
    assert not side_of([]).features().any()


def test_a_cue_of_the_last_turn_that_says_something_counts_most():
    def latest(*flags: bool, matter: list[bool] | None = None) -> float:
        return float(side_of(list(flags), matter=matter).features()[4])

    assert latest(False, False, True) == 2 * latest(False, True, False) > 0
    goodbye_last = [True, True, False]
    assert latest(False, True, False, matter=goodbye_last) == latest(False, False, True)
    assert latest(False, False, True, matter=goodbye_last) == 0


def test_what_the_last_turn_is_judged_alone_is_part_of_a_call():
    told = side_of([False] * 4, settled=1.0).features() - side_of([False] * 4).features()

    assert not told[:5].any()
    assert (told > 0).sum() == 4, "the second half, the latest, the mean and the highest"


@pytest.mark.parametrize(
    "turn",
    [
        "You too, Chris. Goodbye.",
        "It’s my pleasure. If you have any further questions, don't hesitate to call us.",
        "No, that's all I needed. Thank you, Chris, for your help.",
        "Thank you for calling, have a wonderful day!",
        "I completely understand your frustration. Once again, I apologize for that.",
    ],
)
def test_courtesies_have_no_matter(turn):
    assert not has_matter(turn)


@pytest.mark.parametrize(
    "turn",
    [
        "Thanks, I'll wait for their call tomorrow.",
        "Okay, thanks Ben. It works.",
        "Thank you for calling, and we will call you on Monday.",
        "Sorry, it does not work.",
        "I have a problem with my day pass.",
    ],
)
def test_thanks_that_say_more_have_matter(turn):
    assert has_matter(turn)


MOODS = {
    "content": ("Hi, lovely to talk to you!", "You are so kind, thank you!"),
    "unhappy": ("I am furious, this is the third time!", "You should be ashamed of yourselves."),
}
MATTERS = {
    "resolved": "I've refunded the fee just now, you can see it in your account already.",
    "follow_up": "I passed it on to the billing team, and they will call you on Monday.",
}


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("outcome", MATTERS)
def test_a_mood_does_not_decide_how_a_call_ended(analyzer, mood, outcome):
    first, last = MOODS[mood]
    turns = [
        Utterance("customer", f"{first} There is a fee on my card that I do not know."),
        Utterance("agent", "Let me have a look. What is the date of it?"),
        Utterance("customer", "The third of May."),
        Utterance("agent", MATTERS[outcome]),
        Utterance("customer", last),
        Utterance("agent", "Thank you for calling, have a great day. Goodbye."),
    ]
    _, heard = read(call_reader(analyzer, default_artifact(), whole=True), turns)

    assert heard.outcome is not None
    assert heard.outcome.label == outcome
    assert heard.outcome.turn == 3
    assert heard.outcome.words
    assert heard.outcome.words in MATTERS[outcome]
