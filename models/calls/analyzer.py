"""Calls: the customer's turns through the same encoder, then a small head over them for sentiment
and outcome.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np

from models.analysis import (
    Analysis,
    Call,
    Moment,
    Outcome,
    OutcomeLabel,
    Sentiment,
    SentimentLabel,
    Topic,
)
from models.analyzer import Analyzer
from models.calls.cues import read_cues
from models.calls.head import Floats, Head, Side, features, load_head
from models.calls.sides import Utterance, sided
from models.language import detect

Read = Callable[[Sequence[str], Sequence[str | None]], Sequence[Analysis]]

# Tension: unhappy turns in a row, words of anger counting threefold, fading as soon as the customer
# calms down. Chosen on the calls that the head learns from: at 0.5 it finds two thirds of the angry
# ones, and one in twenty of the others.
CALM_WORDS, ANGRY_WORDS = 0.4, 1.2
NEWS = 0.4  # share of the latest turn
SOUR = 0.5
SHORT = 3  # words; "okay" and "thank you" tell nothing of how somebody feels about their matter
REMEMBERED = 4096  # turns; a call that comes turn by turn is read once, not once a turn


class CallReader:
    """Calls in, an `Analysis` with its `call` for each out. `read`: what understands texts, such as
    an `Analyzer`.

    whole: decide with the agent's words too. head: None leaves the outcome open, and the sentiment
    to the turns.
    """

    def __init__(self, read: Read, head: Head | None, *, whole: bool = False) -> None:
        self._read_texts = read
        self.version = str(getattr(read, "version", ""))
        self._head = head
        self._whole = whole
        self._cues = read_cues()
        self._known: OrderedDict[tuple[str, str], Analysis] = OrderedDict()

    def __call__(
        self, calls: Sequence[Sequence[Utterance]], languages: Sequence[str | None] | None = None
    ) -> list[Analysis]:
        """Understand each call, as far as it has come. Turns of speakers whose side nobody can tell
        are left out.

        Abstains on a call without a customer's words, or in a language that the model does not
        know.
        """
        hints = [None] * len(calls) if languages is None else languages
        told = [sided(call) for call in calls]
        self.learn(
            [
                turn
                for call, hint in zip(told, hints, strict=True)
                for turn in self.unread(call, hint)
            ]
        )
        analyses = [self._understand(call, hint) for call, hint in zip(told, hints, strict=True)]
        for oldest in list(islice(self._known, max(0, len(self._known) - REMEMBERED))):
            del self._known[oldest]
        return analyses

    def unread(self, call: Sequence[Utterance], hint: str | None = None) -> list[tuple[str, str]]:
        """The turns (text, language) of a call that the encoder has not seen lately."""
        call = sided(call)
        language = detect(customer_text(call), hint)
        wanted = dict.fromkeys((turn.text, language) for turn in call if self._counts(turn))
        return [turn for turn in wanted if turn not in self._known]

    def learn(self, turns: Iterable[tuple[str, str]]) -> None:
        """Read turns, and remember them. A long call can be learned in parts, so that nobody else
        waits for it.
        """
        new = [turn for turn in dict.fromkeys(turns) if turn not in self._known]
        if new:
            analyses = self._read_texts(
                [text for text, _ in new], [language for _, language in new]
            )
            self._known.update(zip(new, analyses, strict=True))

    def _counts(self, turn: Utterance) -> bool:
        return turn.speaker == "customer" or (self._whole and turn.speaker == "agent")

    def _understand(self, call: Sequence[Utterance], hint: str | None) -> Analysis:
        text = customer_text(call)
        language = detect(text, hint)
        heard = [
            (place, turn, self._known[turn.text, language])
            for place, turn in enumerate(call)
            if self._counts(turn)
        ]
        for _, turn, _ in heard:
            self._known.move_to_end((turn.text, language))
        customer = [
            (place, turn, one)
            for place, turn, one in heard
            if turn.speaker == "customer" and not one.abstained
        ]
        agent = [one for _, turn, one in heard if turn.speaker == "agent"]
        if not customer:
            silent = Call(len(call), 0, None, ())
            reasons = [one.why for _, turn, one in heard if turn.speaker == "customer" and one.why]
            why = reasons[0] if reasons else "empty"
            return Analysis(text, language, self.version, abstained=True, why=why, call=silent)
        analyses = [one for _, _, one in customer]
        trajectory = self._trajectory(customer)
        soured = next((moment for moment in trajectory if moment.tension >= SOUR), None)
        sentiment, outcome = self._decide(analyses, agent)
        return _together(
            text,
            language,
            analyses,
            sentiment,
            Call(
                turns=len(call),
                customer_turns=len(customer),
                outcome=outcome,
                trajectory=tuple(trajectory),
                soured=soured,
                soured_words=None if soured is None else call[soured.turn].text,
            ),
        )

    def _trajectory(self, customer: Sequence[tuple[int, Utterance, Analysis]]) -> list[Moment]:
        tension, moments = 0.0, []
        for place, turn, one in customer:
            if len(turn.text.split()) >= SHORT:
                weight = ANGRY_WORDS if self._cues.angry(turn.text) else CALM_WORDS
                tension += NEWS * (min(1.0, weight * _unhappy(one)) - tension)
            probabilities = one.sentiment.probabilities if one.sentiment else {}
            mood = probabilities.get("positive", 0.0) - probabilities.get("negative", 0.0)
            moments.append(Moment(place, mood, one.dissatisfaction or 0.0, tension, turn.at))
        return moments

    def _decide(
        self, customer: Sequence[Analysis], agent: Sequence[Analysis]
    ) -> tuple[Sentiment, Outcome | None]:
        if self._head is None:
            return _sentiment(_mean_sentiment(customer[len(customer) // 2 :])), None
        side: Side = "whole" if self._whole and agent else "customer"
        read = features(self._cues, customer, agent if side == "whole" else None)
        sentiment = _sentiment(self._head.deciders[side, "sentiment"](read))
        odds = self._head.deciders[side, "outcome"](read)
        labels: tuple[OutcomeLabel, ...] = get_args(OutcomeLabel)
        best = int(odds.argmax())
        words = None
        if labels[best] == "follow_up":
            texts = [one.text for one in customer]
            words = self._cues.quote(
                "agent", ("promise", "wait", "handed_on", "unable"), [one.text for one in agent]
            )
            words = words or self._cues.quote("customer", ("waits", "still", "upset"), texts)
        probabilities = {label: float(value) for label, value in zip(labels, odds, strict=True)}
        return sentiment, Outcome(labels[best], float(odds[best]), probabilities, words)


def call_reader(analyzer: Analyzer, folder: Path, *, whole: bool = False) -> CallReader:
    """A reader with the head of a model directory, if it has one. Raises ArtifactError for a head
    that does not fit.
    """
    return CallReader(analyzer, load_head(folder, analyzer.version, read_cues()), whole=whole)


def customer_text(call: Sequence[Utterance]) -> str:
    """The customer's side, a turn a line."""
    return "\n".join(turn.text for turn in call if turn.speaker == "customer")


def _unhappy(one: Analysis) -> float:
    """0-1: what the judgements of a turn say together."""
    negative = one.sentiment.probabilities.get("negative") if one.sentiment else None
    known = [
        value
        for value in (negative, one.complaint, (one.dissatisfaction or 0.0) / 100)
        if value is not None
    ]
    return sum(known) / len(known)


def _together(
    text: str, language: str, customer: Sequence[Analysis], sentiment: Sentiment, call: Call
) -> Analysis:
    """The call as one analysis: its worst complaint, how the customer leaves, and the topic that is
    said clearest.
    """
    left = [
        one.dissatisfaction
        for one in customer[len(customer) // 2 :]
        if one.dissatisfaction is not None
    ]
    dissatisfaction = sum(left) / len(left) if left else None
    grades = [
        one.dissatisfaction_grade
        for one in customer[len(customer) // 2 :]
        if one.dissatisfaction_grade
    ]
    topic = max((one.topic for one in customer if one.topic), key=_named, default=None)
    of_topic = [
        one.problem
        for one in customer
        if one.problem and (topic is None or (one.topic and one.topic.label == topic.label))
    ]
    embeddings = [one.embedding.astype(np.float32) for one in customer if one.embedding is not None]
    embedding = np.mean(embeddings, axis=0) if embeddings else None
    return Analysis(
        text=text,
        language=language,
        model=customer[0].model,
        sentiment=sentiment,
        complaint=max(
            (one.complaint for one in customer if one.complaint is not None), default=None
        ),
        severity=None if dissatisfaction is None else round(dissatisfaction / 25),
        dissatisfaction=dissatisfaction,
        dissatisfaction_grade=round(sum(grades) / len(grades)) if grades else None,
        topic=topic,
        problem=max(of_topic, key=lambda problem: problem.score, default=None),
        alarm=max((one.alarm for one in customer if one.alarm is not None), default=None),
        need=max((one.need for one in customer if one.need is not None), default=None),
        embedding=None
        if embedding is None
        else (embedding / max(np.linalg.norm(embedding), 1e-6)).astype(np.float16),
        call=call,
    )


def _named(topic: Topic) -> tuple[bool, float]:
    return topic.label != "other", topic.score


def _mean_sentiment(turns: Sequence[Analysis]) -> Floats:
    labels: tuple[SentimentLabel, ...] = get_args(SentimentLabel)
    rows = [
        [one.sentiment.probabilities.get(label, 0.0) for label in labels]
        for one in turns
        if one.sentiment
    ]
    mean: Floats = np.mean(np.array(rows or [[0.0, 1.0, 0.0]], dtype=np.float32), axis=0)
    return mean


def _sentiment(probabilities: Floats) -> Sentiment:
    labels: tuple[SentimentLabel, ...] = get_args(SentimentLabel)
    best = int(probabilities.argmax())
    return Sentiment(
        labels[best],
        float(probabilities[best]),
        {label: float(value) for label, value in zip(labels, probabilities, strict=True)},
    )
