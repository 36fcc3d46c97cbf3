"""Answers of our own: each kind of message gets its own, and whatever it says passes the gate."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from models.artifact import ArtifactError
from models.replier import sense
from models.replier.answers import Answer, answers, answers_to
from models.replier.draft import ReplyRequest
from models.replier.offers import Offer, ordered, sent_before
from models.replier.policy import Policy
from models.replier.replier import default_replier
from models.replier.slots import Slots, brand_names, filled
from models.training.replies.sense import calibrated, train_sense

BRAND = "SkyNorth"
SLOTS = Slots((default_replier() / "words.txt").read_text(encoding="utf-8").split())
POLICY = Policy(SLOTS)
BAG = ReplyRequest("my bag did not arrive", BRAND, "baggage", None, "negative", 2)


def asking(answer: Answer) -> ReplyRequest:
    """The example of an answer as a request."""
    mood = "negative" if "negative" in answer.moods else min(answer.moods)
    topics = sorted(answer.topics or {"other"})
    topic = "delay and cancellation" if "delay and cancellation" in topics else topics[0]
    severity = min(answer.severe or {2 if mood == "negative" else 0})
    reason = min(answer.reasons) if answer.reasons and answer.pattern is None else None
    trade = min(answer.trades) if answer.trades else None
    return ReplyRequest(
        answer.example, BRAND, topic, None, mood, severity, trade=trade, reason=reason
    )


def slotted(request: ReplyRequest):
    return SLOTS.message(request.text, brand_names(request.brand))


def rules(text: str, request: ReplyRequest = BAG, *, drafted: bool = True) -> list[str]:
    return [refusal.rule for refusal in POLICY.check(text, request, drafted=drafted)]


@pytest.mark.parametrize("answer", answers(), ids=lambda answer: answer.name)
def test_each_kind_answers_its_example_and_all_that_it_says_passes_the_gate(answer):
    request = asking(answer)
    message = slotted(request)

    assert next(answers_to(request, message)) is answer
    for severity in {
        request.severity,
        4 if "negative" in answer.moods and not answer.severe else 0,
    }:
        graver = dataclasses.replace(request, severity=severity)
        for wording in answer.wordings(graver, message):
            text = filled(wording, message, BRAND)
            assert text
            if severity == 4 and "sorry" not in text.lower():
                continue  # a gentle kind never answers what is grave: the gate refuses it
            assert POLICY.check(text, graver, drafted=True) == (), text


@pytest.mark.parametrize(
    ("text", "topic", "mood", "kind"),
    [
        ("@sky thanks a lot, that did it!", "other", "positive", "thanks at the end"),
        ("@anyair It was the 27 to Lima", "other", "neutral", "particulars"),
        ("can I bring my dog?", "other", "neutral", "question about the rules"),
        (
            "S/O to the crew, we were late but they saved us",
            "other",
            "negative",
            "complaint, told at length",
        ),
        ("S/O to the crew of this morning", "on board", "negative", "good news"),
        ("thank you for losing my bag again", "baggage", "negative", "bag missing"),
        ("a hot coffee burned my son", "on board", "negative", "harm"),
        ("you cancelled our flight", "delay and cancellation", "negative", "cancelled"),
        ("your site is down", "website and app", "negative", "website"),
        ("it would be nice to have a night bus", "other", "neutral", "suggestion"),
        ("a whole day of watching planes above the bay", "other", "neutral", "small talk"),
    ],
)
def test_the_kind_of_a_message(text, topic, mood, kind):
    severity = 2 if mood == "negative" else 0
    reason = "chatter" if kind == "small talk" else None
    request = ReplyRequest(text, BRAND, topic, None, mood, severity, reason=reason)

    assert next(answers_to(request, slotted(request))).name == kind


@pytest.mark.parametrize(
    "text",
    [
        "I am on my phone on one bar, stream's cancelled, blame the digger",
        "our lessons are cancelled, no internet again",
        "my appointment has been cancelled because of your outage",
        "the order got cancelled, nobody says why",
        "second meeting canceled today thanks to you",
    ],
)
def test_what_is_cancelled_besides_a_journey_is_offered_no_other_way_to_get_there(text):
    request = ReplyRequest(text, BRAND, "other", None, "negative", 2)

    assert all(answer.name != "cancelled" for answer in answers_to(request, slotted(request)))


def test_what_looks_ahead_begins_at_the_beginning():
    """Tried anew at every place, a look ahead takes the square of a text's length."""
    ahead = [
        pattern.pattern
        for answer in answers()
        for pattern in (answer.pattern, answer.barred)
        if pattern is not None and "(?=.*" in pattern.pattern
    ]

    assert ahead
    assert [text for text in ahead if not text.startswith(r"(?s)\A(?=")] == []


def test_an_account_matter_is_asked_for_in_private_whatever_the_kind():
    request = ReplyRequest("my account: the app closes", BRAND, "account", None, "negative", 2)
    message = slotted(request)
    answer = next(answers_to(request, message))

    assert list(answer.wordings(request, message))
    for text in answer.wordings(request, message):
        assert "no hand-over" not in rules(text, request)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Sorry about your bag. Let us know if you need anything else.", "goodbye"),
        ("Sorry about your bag. We hope to see you on board soon.", "goodbye"),
        ("Sorry about your bag. Thank you for flying with us.", "goodbye"),
        ("Sorry about your bag. We appreciate your patience.", "thanks for waiting"),
        ("Sorry about your bag, hang in there.", "thanks for waiting"),
        ("Sorry about your bag. We've passed it on to the team.", "claim"),
    ],
)
def test_a_draft_takes_no_leave_of_an_open_need_and_claims_no_deed(text, rule):
    assert rules(text) == [rule]


def test_a_person_who_knows_may_take_leave_and_a_draft_may_where_all_is_well():
    text = "Sorry about your bag. Let us know if you need anything else."
    glad = ReplyRequest("thanks for the help!", BRAND, "other", None, "positive", 0)

    assert rules(text, drafted=False) == []
    assert rules("You're welcome! Let us know if you need anything else.", glad) == []
    assert rules("Thanks for your patience!", glad) == ["thanks for waiting"]
    waits = dataclasses.replace(glad, text="no rush, I can wait, you are great")
    assert rules("Thanks for your patience!", waits) == []


def test_nobody_is_cheered_whose_mood_is_unknown():
    unread = ReplyRequest("no nos dejan salir", BRAND)
    assert "wrong mood" in rules("We're glad to hear that!", unread)


def test_what_people_sent_is_filled_from_the_new_message_and_keeps_no_foreign_fact():
    request = dataclasses.replace(
        BAG,
        text="flight 403 landed without my bag",
        past=(
            ("flight 12 came without my bag", "Sorry about flight 12. Please send us a DM."),
            ("my bag is gone", "Sorry, it is in Lisbon, reference 4471."),
        ),
    )
    message = slotted(request)

    texts = [filled(text, message, BRAND) for text in sent_before(SLOTS, request, message)]
    assert texts == ["Sorry about flight 403. Please send us a DM."]


def test_what_people_sent_comes_first_then_an_answer_of_ours_then_the_models():
    sent, own, new = (
        [Offer(f"{name} {number}", 0.0, "past") for number in range(2)]
        for name in ("sent", "own", "new")
    )
    assert [offer.text for offer in ordered(sent, own, new)] == [
        "sent 0", "sent 1", "own 0", "own 1", "new 0", "new 1",
    ]  # fmt: skip


def pairs(count: int) -> tuple[list[list[int]], list[list[int]]]:
    """Messages about one of eight matters, each with a reply to it, in subwords of ours."""
    chance = np.random.default_rng(3)
    matters = chance.integers(0, 8, count)
    noise = chance.integers(100, 200, (2, count, 4))
    messages = [
        [int(matter), *map(int, more)] for matter, more in zip(matters, noise[0], strict=True)
    ]
    replies = [
        [20 + int(matter), *map(int, more)] for matter, more in zip(matters, noise[1], strict=True)
    ]
    return messages, replies


def test_the_check_of_sense_tells_an_answer_from_one_to_another_message(tmp_path: Path):
    learned = train_sense(*pairs(2000), 200)
    check, figures = calibrated(learned, *pairs(600))
    sense.save(check, tmp_path / "sense.npz")
    served = sense.load(tmp_path / "sense.npz")

    assert figures["auc"] > 0.85  # of a shuffled pair one in eight is about the same matter
    likely = served([[3, 150]], [[23, 160], [24, 160]])[0]
    assert likely[0] > 0.6 > 0.4 > likely[1]
    assert np.allclose(likely, check([[3, 150]], [[23, 160], [24, 160]])[0], atol=0.02)
    assert served([[]], [[]]).shape == (1, 1)
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match=r"broken\.npz: it cannot be read"):
        sense.load(tmp_path / "broken.npz")
