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
from models.replier import ngram
from models.replier.conditions import Conditions, Vocabulary
from models.replier.decoding import Decoder, Written
from models.replier.draft import Candidate, Draft, Refusal, ReplyRequest
from models.replier.mixture import Mixture
from models.replier.network import ReplyNetwork
from models.replier.policy import Policy, needs, same
from models.replier.polish import polished
from models.replier.slots import BRAND, Slots, Slotted, brand_names, filled
from models.replier.subwords import Subwords
from models.replier.templates import table_words, template_reply

FORMAT = 2
STORY, WORDS, TOKENIZER, NGRAM, READER, STEP = (
    "replier.json", "words.txt", "tokenizer.json", "ngram.npz", "reader.onnx", "step.onnx",
)  # fmt: skip
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
        written = self._decode(
            [message.text for message in messages],
            self.vocabulary.ids([wished(request) for request in requests]),
            [
                _fillable(message, request)
                for message, request in zip(messages, requests, strict=True)
            ],
            [_seed(request, seed) for request in requests],
            samples=max(SAMPLES, n),
        )
        for request, message, texts in zip(requests, messages, written, strict=True):
            yield self._draft(request, message, texts, n, seed, recent)

    def _draft(
        self,
        request: ReplyRequest,
        message: Slotted,
        written: Sequence[Written],
        n: int,
        seed: int,
        recent: Collection[str],
    ) -> Draft:
        def refusals(text: str) -> tuple[Refusal, ...]:
            return self.policy.check(text, request, recent)

        candidates: dict[str, Candidate] = {}  # by their key: the same text counts once
        best: list[Candidate] = []  # that pass and are unlike each other
        for draft in written:  # best first, until there are enough
            text = filled(polished(draft.text), message, request.brand)
            if text and same(text) not in candidates:
                candidate = Candidate(text, draft.score, refusals=refusals(text))
                candidates[same(text)] = candidate
                if candidate.passes and is_unlike(candidate, best):
                    best.append(candidate)
            if len(best) == n:
                break
        passing, refused = _ordered(candidates.values(), best)
        passing = passing[:n]
        if not passing:
            text = template_reply(request, seed, lambda text: not refusals(text))
            passing = [Candidate(text, 0.0, "template", refusals(text))]
        return Draft((*passing, *refused[: n - len(passing)]), self.version)


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
