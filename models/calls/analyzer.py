"""Call analyzer: the customer's turns through the same encoder, then a small head over them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from models.analysis import (
    Analysis,
    Call,
    GraveTurn,
    Moment,
    Outcome,
    OutcomeLabel,
    Problem,
    Sentiment,
    SentimentLabel,
    Topic,
)
from models.analyzer import Analyzer
from models.calls.cues import Side as CueSide
from models.calls.cues import read_cues
from models.calls.head import Floats, Head, SideTurns, features, load_head, sides_of
from models.calls.sides import Utterance, sided
from models.language import detect
from models.taxonomy.classifier import OTHER
from models.urgency import LEVELS

# texts, their languages, and where any is known the trades of their brands
ReadTexts = Callable[..., Sequence[Analysis]]
Turn = tuple[str, str, str | None]  # text, language, the brand's trade

# Tension grows with unhappy turns in a row, words of anger counting threefold, and fades as soon as
# the customer calms down. Chosen on the calls that the head learns from: a limit of 0.5 finds two
# thirds of the angry ones, and one in twenty of the others.
CALM_WORDS, ANGRY_WORDS = 0.4, 1.2
NEWS = 0.4  # share of the latest turn
SOUR = 0.5
GRAVEST = 3  # turns of a call that are weighed as messages of their own
SHORT = 3  # words; "okay" and "thank you" do not show how a customer feels about the matter
# Groups of cues whose words show an outcome, the clearest first
_CLEAR_GROUPS: Mapping[tuple[OutcomeLabel, str], tuple[str, ...]] = {
    ("follow_up", "agent"): ("promise", "theirs", "yours", "wait", "asked", "handed_on", "unable"),
    ("follow_up", "customer"): ("waits", "still", "upset"),
    ("resolved", "agent"): ("done", "settled", "finished"),
    ("resolved", "customer"): ("works", "confirms", "delighted"),
}
REMEMBERED = 4096  # turns; a call that comes turn by turn is read once, not once a turn


@dataclass(frozen=True, slots=True)
class _ReadTurn:
    """A turn with its place in the call, as the encoder read it."""

    place: int
    turn: Utterance
    analysis: Analysis


class CallReader:
    """Calls in, an `Analysis` with its `call` for each out.

    read: understands texts, such as an `Analyzer`. head: None leaves the outcome open, and the
    sentiment to the turns. whole: decide with the agent's words too.
    """

    def __init__(self, read: ReadTexts, head: Head | None, *, whole: bool = False) -> None:
        self._read_texts = read
        self.version = str(getattr(read, "version", ""))
        self._head = head
        self._whole = whole
        self._cues = read_cues()
        self._known: OrderedDict[Turn, Analysis] = OrderedDict()

    def __call__(
        self,
        calls: Sequence[Sequence[Utterance]],
        languages: Sequence[str | None] | None = None,
        trades: Sequence[str | None] | None = None,
    ) -> list[Analysis]:
        """Understand each call, as far as it has come. trades: of the brand of each.

        Turns of speakers of an unknown side are left out. Abstains on a call without a customer's
        words, or in a language that the model does not know.
        """
        hints = [None] * len(calls) if languages is None else languages
        known = [None] * len(calls) if trades is None else trades
        rows = list(zip((sided(call) for call in calls), hints, known, strict=True))
        self.learn([turn for call, *more in rows for turn in self.unread(call, *more)])
        analyses = [self._understand(*call) for call in rows]
        for oldest in list(islice(self._known, max(0, len(self._known) - REMEMBERED))):
            del self._known[oldest]
        return analyses

    def unread(
        self, call: Sequence[Utterance], hint: str | None = None, trade: str | None = None
    ) -> list[Turn]:
        """The turns of a call that the encoder has not seen lately."""
        call = sided(call)
        language = detect(customer_text(call), hint)
        turns = dict.fromkeys((turn.text, language, trade) for turn in call if self._counts(turn))
        return [turn for turn in turns if turn not in self._known]

    def learn(self, turns: Iterable[Turn]) -> None:
        """Read turns, and remember them.

        A long call can be learned in parts, so that the model is free for others in between.
        """
        new = [turn for turn in dict.fromkeys(turns) if turn not in self._known]
        if new:
            texts, languages, trades = map(list, zip(*new, strict=True))
            known = [trades] if any(trades) else []
            analyses = self._read_texts(texts, languages, *known)
            self._known.update(zip(new, analyses, strict=True))

    def _counts(self, turn: Utterance) -> bool:
        return turn.speaker == "customer" or (self._whole and turn.speaker == "agent")

    def _understand(
        self, call: Sequence[Utterance], hint: str | None, trade: str | None
    ) -> Analysis:
        text = customer_text(call)
        language = detect(text, hint)
        turns = [
            self._recall(place, turn, (turn.text, language, trade))
            for place, turn in enumerate(call)
            if self._counts(turn)
        ]
        customer = [read for read in turns if read.turn.speaker == "customer"]
        agent = [read for read in turns if read.turn.speaker == "agent"]
        clear = [read for read in customer if not read.analysis.abstained]
        if not clear:
            return self._abstained(text, language, len(call), customer)
        analyses = [read.analysis for read in clear]
        sentiment, outcome = self._decide(clear, agent)
        return _summed_up(text, language, analyses, sentiment, self._summary(call, clear, outcome))

    def _abstained(
        self, text: str, language: str, turns: int, customer: Sequence[_ReadTurn]
    ) -> Analysis:
        reasons = [read.analysis.why for read in customer if read.analysis.why]
        why = reasons[0] if reasons else "empty"
        call = Call(turns, 0, None, ())
        return Analysis(text, language, self.version, abstained=True, why=why, call=call)

    def _summary(
        self, call: Sequence[Utterance], customer: Sequence[_ReadTurn], outcome: Outcome | None
    ) -> Call:
        trajectory = self._trajectory(customer)
        soured = next((moment for moment in trajectory if moment.tension >= SOUR), None)
        return Call(
            turns=len(call),
            customer_turns=len(customer),
            outcome=outcome,
            trajectory=tuple(trajectory),
            soured=soured,
            soured_words=None if soured is None else call[soured.turn].text,
            gravest=_gravest(customer),
        )

    def _recall(self, place: int, turn: Utterance, key: Turn) -> _ReadTurn:
        self._known.move_to_end(key)
        return _ReadTurn(place, turn, self._known[key])

    def _trajectory(self, customer: Sequence[_ReadTurn]) -> list[Moment]:
        tension = 0.0
        moments: list[Moment] = []
        for read in customer:
            turn, analysis = read.turn, read.analysis
            if len(turn.text.split()) >= SHORT:
                weight = ANGRY_WORDS if self._cues.angry(turn.text) else CALM_WORDS
                tension += NEWS * (min(1.0, weight * _unhappiness(analysis)) - tension)
            probabilities = analysis.sentiment.probabilities if analysis.sentiment else {}
            mood = probabilities.get("positive", 0.0) - probabilities.get("negative", 0.0)
            dissatisfaction = analysis.dissatisfaction or 0.0
            moments.append(Moment(read.place, mood, dissatisfaction, tension, turn.at))
        return moments

    def _decide(
        self, customer: Sequence[_ReadTurn], agent: Sequence[_ReadTurn]
    ) -> tuple[Sentiment, Outcome | None]:
        analyses = [read.analysis for read in customer]
        if self._head is None:
            return _sentiment(_mean_sentiment(_second_half(analyses))), None
        row = features(sides_of(self._cues, analyses))
        sentiment = _sentiment(self._head.deciders["customer", "sentiment"](row))
        whole = self._whole and bool(agent)
        return sentiment, self._outcome(self._head, customer, agent if whole else None)

    def _outcome(
        self, head: Head, customer: Sequence[_ReadTurn], agent: Sequence[_ReadTurn] | None
    ) -> Outcome:
        parts = [customer] if agent is None else [customer, agent]
        analyses = [[read.analysis for read in part] for part in parts]
        sides = sides_of(self._cues, *analyses)
        decider = head.deciders["customer" if agent is None else "whole", "outcome"]
        odds = decider(features(sides))
        labels: tuple[OutcomeLabel, ...] = get_args(OutcomeLabel)
        best = int(odds.argmax())
        decisive = self._decisive(
            labels[best], parts, sides, lambda rest: float(decider(features(rest))[best])
        )
        return Outcome(
            labels[best],
            float(odds[best]),
            {label: float(value) for label, value in zip(labels, odds, strict=True)},
            None if decisive is None else self._quote(labels[best], decisive) or decisive.turn.text,
            None if decisive is None else decisive.place,
        )

    def _decisive(
        self,
        label: OutcomeLabel,
        parts: Sequence[Sequence[_ReadTurn]],
        sides: Sequence[SideTurns],
        likelihood: Callable[[Sequence[SideTurns]], float],
    ) -> _ReadTurn | None:
        """The turn of the second halves without which the outcome is least likely.

        likelihood: of the outcome, by sides. One whose words show it comes before any other. None
        where there are only courtesies.
        """
        ranked: list[tuple[bool, float, _ReadTurn]] = []
        for number, side in enumerate(sides):
            half = len(side.known) // 2
            for row in (half + np.flatnonzero(side.matter[half:])).tolist():
                rest = [*sides[:number], side.without(row), *sides[number + 1 :]]
                turn = parts[number][row]
                ranked.append((self._quote(label, turn) is None, likelihood(rest), turn))
        best = min(ranked, key=lambda candidate: candidate[:2], default=None)
        return None if best is None else best[2]

    def _quote(self, label: OutcomeLabel, read: _ReadTurn) -> str | None:
        """The words of a turn that show the outcome."""
        side: CueSide = "customer" if read.turn.speaker == "customer" else "agent"
        return self._cues.quote(side, _CLEAR_GROUPS[label, side], read.turn.text)


def call_reader(analyzer: Analyzer, folder: Path, *, whole: bool = False) -> CallReader:
    """A reader with the head of a model directory, if it has one.

    Raises ArtifactError for a head that does not fit.
    """
    return CallReader(analyzer, load_head(folder, analyzer.version, read_cues()), whole=whole)


def customer_text(call: Sequence[Utterance]) -> str:
    """The customer's side, a turn a line."""
    return "\n".join(turn.text for turn in call if turn.speaker == "customer")


def _gravest(customer: Sequence[_ReadTurn]) -> tuple[GraveTurn, ...]:
    """The most urgent turns. A few words ("bye", "okay") are not weighed without the others."""
    wordy = [read for read in customer if len(read.turn.text.split()) >= SHORT]
    return tuple(
        GraveTurn(
            read.place,
            read.turn.text,
            read.analysis.urgency,
            read.analysis.alarm,
            read.analysis.need,
        )
        for read in sorted(wordy, key=_gravity, reverse=True)[:GRAVEST]
    )


def _gravity(read: _ReadTurn) -> tuple[float, ...]:
    analysis = read.analysis
    levels = (0.0,) * len(LEVELS) if analysis.urgency is None else analysis.urgency.levels[::-1]
    alarm = -1.0 if analysis.alarm is None else analysis.alarm
    return (*levels, alarm, analysis.dissatisfaction or 0.0)


def _unhappiness(analysis: Analysis) -> float:
    """0-1: the mean of the judgements of a turn."""
    sentiment = analysis.sentiment
    negative = sentiment.probabilities.get("negative") if sentiment else None
    dissatisfaction = (analysis.dissatisfaction or 0.0) / 100
    return _mean(negative, analysis.complaint, dissatisfaction) or 0.0


def _summed_up(
    text: str, language: str, customer: Sequence[Analysis], sentiment: Sentiment, call: Call
) -> Analysis:
    """The call as one analysis.

    It has the worst complaint, the mood in which the customer leaves, and the clearest topic.
    """
    leaving = _second_half(customer)
    dissatisfaction = _mean(*(turn.dissatisfaction for turn in leaving))
    grade = _mean(*(turn.dissatisfaction_grade for turn in leaving))
    topic = _clearest_topic(customer)
    return Analysis(
        text=text,
        language=language,
        model=customer[0].model,
        sentiment=sentiment,
        complaint=_highest(turn.complaint for turn in customer),
        severity=None if dissatisfaction is None else round(dissatisfaction / 25),
        dissatisfaction=dissatisfaction,
        dissatisfaction_grade=None if grade is None else round(grade),
        topic=topic,
        problem=_clearest_problem(customer, topic),
        alarm=_highest(turn.alarm for turn in customer),
        need=_highest(turn.need for turn in customer),
        embedding=_mean_embedding(customer),
        call=call,
    )


def _second_half(turns: Sequence[Analysis]) -> Sequence[Analysis]:
    return turns[len(turns) // 2 :]


def _mean(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _clearest_topic(turns: Sequence[Analysis]) -> Topic | None:
    """The likeliest topic that has a name; `other` only where no turn has another one."""
    topics = [turn.topic for turn in turns if turn.topic]
    return max(topics, key=lambda topic: (topic.label != OTHER, topic.score), default=None)


def _clearest_problem(turns: Sequence[Analysis], topic: Topic | None) -> Problem | None:
    """The likeliest problem of the topic."""
    problems = [
        turn.problem
        for turn in turns
        if turn.problem and (topic is None or (turn.topic and turn.topic.label == topic.label))
    ]
    return max(problems, key=lambda problem: problem.score, default=None)


def _mean_embedding(turns: Sequence[Analysis]) -> NDArray[np.float16] | None:
    embeddings = [turn.embedding.astype(np.float32) for turn in turns if turn.embedding is not None]
    if not embeddings:
        return None
    mean: Floats = np.mean(embeddings, axis=0)
    length = max(float(np.linalg.norm(mean)), 1e-6)
    unit: NDArray[np.float16] = (mean / length).astype(np.float16)
    return unit


def _mean_sentiment(turns: Sequence[Analysis]) -> Floats:
    labels: tuple[SentimentLabel, ...] = get_args(SentimentLabel)
    sentiments = [turn.sentiment for turn in turns if turn.sentiment]
    rows = [
        [sentiment.probabilities.get(label, 0.0) for label in labels] for sentiment in sentiments
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
