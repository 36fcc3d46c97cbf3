"""Replier: a GRU and an n-gram model draft together, the policy gate checks, templates step in."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from models.artifact import ArtifactError, read_story, reading
from models.replier import ngram, sense
from models.replier.conditions import Conditions, Vocabulary
from models.replier.decoding import Decoder
from models.replier.draft import Candidate, Draft, Refusal, ReplyRequest, Source
from models.replier.mixture import Mixture
from models.replier.network import Ids, ReplyNetwork
from models.replier.offers import Offer, ordered, sent_before, wordings
from models.replier.policy import Policy, same
from models.replier.polish import polished
from models.replier.rules import needs
from models.replier.slots import BRAND, Slots, Slotted, brand_names, filled
from models.replier.subwords import END, Subwords
from models.replier.templates import table_words, template_reply

FORMAT = 2
STORY, WORDS, TOKENIZER, NGRAM, READER, STEP, SENSE = (
    "replier.json", "words.txt", "tokenizer.json", "ngram.npz", "reader.onnx", "step.onnx",
    "sense.npz",
)  # fmt: skip
SENSIBLE = 0.3  # least likelihood that a text answers its message, where we did not write it
BATCH = 16  # messages that are drafted together
ALIKE = 0.5  # share of common words from which on two candidates say the same
SAMPLES = 12  # texts written for a message, of which the best are shown


def default_replier() -> Path:
    """The directory of the replier that comes with the package."""
    return Path(__file__).parents[1] / "artifacts" / "replier"


def read_replier(folder: Path) -> dict[str, Any]:
    """The story of a replier's directory, its files verified. Raises ArtifactError, one line."""
    with reading(folder, STORY, "a replier's"):
        return read_story(folder, STORY, (FORMAT,))


class Replier:
    """The replier of one directory, ready to write. `version` names it in every draft.

    threads: cores that it may use. Raises ArtifactError when the directory cannot be served.
    """

    def __init__(self, artifact: Path | None = None, *, threads: int = 1) -> None:
        folder = artifact or default_replier()
        self.story = read_replier(folder)
        self.version = str(self.story["version"])
        try:
            self.slots = Slots(
                {*(folder / WORDS).read_text(encoding="utf-8").split(), *table_words()}
            )
            self.subwords = Subwords(Tokenizer.from_file(str(folder / TOKENIZER)))
            network = ReplyNetwork(
                folder / READER, folder / STEP, width=int(self.story["width"]), threads=threads
            )
        except ArtifactError:
            raise
        except Exception as error:
            # Both libraries raise bare Exceptions of their own for a file that they cannot read.
            reason = " ".join(str(error).split())[:200]
            raise ArtifactError(
                f"model directory {folder}: it cannot be loaded ({reason})"
            ) from None
        self.vocabulary = Vocabulary(self.story["brands"], self.story["topics"])
        self.mixture = Mixture(
            network, ngram.load(folder / NGRAM), np.array(self.story["mix"], dtype=np.float32)
        )
        self.policy = Policy(self.slots)
        self.sense = sense.load(folder / SENSE) if SENSE in self.story["files"] else None
        self._decode = Decoder(self.mixture, self.subwords)

    def __call__(
        self,
        requests: Sequence[ReplyRequest],
        *,
        n: int = 3,
        seed: int = 0,
        recent: Collection[str] = (),
    ) -> list[Draft]:
        """A draft for each request, with up to `n` candidates, the best first.

        Candidates that pass the gate come before the others. seed: the same gives the same drafts,
        whatever else is in `requests`. recent: texts that were sent lately.
        """
        drafts: list[Draft] = []
        for start in range(0, len(requests), BATCH):
            drafts += self._drafts(requests[start : start + BATCH], n, seed, recent)
        return drafts

    def _drafts(
        self, requests: Sequence[ReplyRequest], n: int, seed: int, recent: Collection[str]
    ) -> Iterator[Draft]:
        messages = [
            self.slots.message(request.text, brand_names(request.brand)) for request in requests
        ]
        addressed = list(zip(requests, messages, strict=True))
        conditions = self.vocabulary.ids([wished(request) for request in requests])
        written = self._decode(
            [message.text for message in messages],
            conditions,
            [_fillable(message, request) for request, message in addressed],
            [_seed(request, seed) for request in requests],
            samples=max(SAMPLES, n),
        )
        answers = self._by_likelihood(
            messages, conditions, [self._wordings(*pair) for pair in addressed]
        )
        for (request, message), texts, own in zip(addressed, written, answers, strict=True):
            if request.gravity is not None:  # words that were weighed before, and no others
                yield self._draft(request, message, own, n, seed, recent)
                continue
            sent = [Offer(text, 0.0, "past") for text in sent_before(self.slots, request, message)]
            new = [Offer(polished(text.text), text.score, "model") for text in texts]
            offers = ordered(sent, own, new)
            yield self._draft(request, message, offers, n, seed, recent)

    def _wordings(self, request: ReplyRequest, message: Slotted) -> list[str]:
        """The wordings of our own answer that pass the gate."""

        def passes(text: str) -> bool:
            words = filled(text, message, request.brand)
            return bool(words) and not self.policy.check(words or "", request, drafted=True)

        return wordings(request, message, passes)

    def _by_likelihood(
        self, messages: Sequence[Slotted], conditions: Ids, texts: Sequence[Sequence[str]]
    ) -> list[list[Offer]]:
        """The wordings for each message, those first that both models would most likely write."""
        rows = [row for row, own in enumerate(texts) for _ in own]
        if not rows:
            return [[] for _ in texts]
        sources = self.subwords.encode([messages[row].text for row in rows])
        targets = self.subwords.encode([text for own in texts for text in own])
        scores = self.mixture.likelihoods(
            [ids or [END] for ids in sources], conditions[rows], targets
        )
        scored = iter(scores.tolist())
        return [
            sorted(
                (Offer(text, next(scored), "template") for text in own),
                key=lambda offer: -offer.score,
            )
            for own in texts
        ]

    def _draft(
        self,
        request: ReplyRequest,
        message: Slotted,
        offers: Iterable[Offer],
        n: int,
        seed: int,
        recent: Collection[str],
    ) -> Draft:
        def refusals(text: str, source: Source = "template") -> tuple[Refusal, ...]:
            reasons = self.policy.check(text, request, recent, drafted=True)
            return reasons + self._senseless(text, message) if source != "template" else reasons

        candidates: dict[str, Candidate] = {}  # by their key: the same text counts once
        best: list[Candidate] = []  # that pass and are unlike each other
        for offer in offers:  # best first, until there are enough
            text = filled(offer.text, message, request.brand)
            if text and same(text) not in candidates:
                reasons = refusals(text, offer.source)
                candidate = Candidate(text, offer.score, offer.source, reasons)
                is_other = is_unlike(candidate, best)
                if best and offer.source == "template" and not is_other:
                    continue  # one wording of ours is enough
                candidates[same(text)] = candidate
                if candidate.passes and is_other:
                    best.append(candidate)
            if len(best) == n:
                break
        passing, refused = _ordered(candidates.values(), best)
        passing = passing[:n]
        if not passing:
            text = template_reply(request, seed, lambda text: not refusals(text))
            passing = [Candidate(text, 0.0, "template", refusals(text))]
        return Draft((*passing, *refused[: n - len(passing)]), self.version)

    def _senseless(self, text: str, message: Slotted) -> tuple[Refusal, ...]:
        """A refusal where agents answer other messages so, and hardly this one."""
        if self.sense is None:
            return ()
        ids = self.subwords.encode([message.text, text])
        likely = float(self.sense([ids[0]], [ids[1]])[0, 0])
        if likely >= SENSIBLE:
            return ()
        return (Refusal("no answer", f"it does not answer this message ({likely:.0%} likely)"),)


def _ordered(
    candidates: Iterable[Candidate], best: Sequence[Candidate]
) -> tuple[list[Candidate], list[Candidate]]:
    """The candidates that pass, the best first, and those that do not."""
    passing, refused = list(best), []
    for candidate in candidates:
        if not candidate.passes:
            refused.append(candidate)
        elif candidate not in best:
            passing.append(candidate)
    return passing, refused


def wished(request: ReplyRequest) -> Conditions:
    """The conditions of a reply to this request that passes the gate."""
    need = needs(request)
    apology = None
    if need.apology:
        apology = True
    elif need.calm:
        apology = False
    return Conditions(
        brand=request.brand,
        topic=request.topic,
        sentiment=request.sentiment,
        clean=True,
        apology=apology,
        handover=True if need.handover else None,
    )


def is_unlike(candidate: Candidate, known: Iterable[Candidate]) -> bool:
    """Whether it differs enough from all candidates that are known."""
    words = _words(candidate)
    return all(len(words & other) < ALIKE * len(words | other) for other in map(_words, known))


def _words(candidate: Candidate) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", candidate.text.casefold()))


def _fillable(message: Slotted, request: ReplyRequest) -> frozenset[str]:
    """The slots that a draft may use."""
    brand = frozenset[str]() if request.brand is None else frozenset({BRAND})
    return frozenset(message.values) | brand


def _seed(request: ReplyRequest, seed: int) -> int:
    """Of this request alone, so that its drafts do not depend on its neighbours."""
    key = json.dumps(
        [seed, request.text, request.brand, request.topic, request.sentiment, request.severity]
    )
    return int(hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16], 16)
