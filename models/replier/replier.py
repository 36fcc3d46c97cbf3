"""Drafts of replies: a GRU and an n-gram model write them together, the policy gate reads them,
templates step in.
"""

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
from models.replier import ngram, templates
from models.replier.conditions import Conditions, Vocabulary
from models.replier.decoding import Drafting, Written
from models.replier.draft import Candidate, Draft, ReplyRequest
from models.replier.mixture import Mixture
from models.replier.network import ReplyNetwork
from models.replier.policy import Policy, needs, same
from models.replier.polish import polished
from models.replier.slots import Slots, Slotted, brand_names, filled
from models.replier.subwords import Subwords

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
    """What a replier's directory says of itself, its files verified. Raises ArtifactError, one
    line.
    """
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
                {*(folder / WORDS).read_text(encoding="utf-8").split(), *templates.words()}
            )
            self.subwords = Subwords(Tokenizer.from_file(str(folder / TOKENIZER)))
            network = ReplyNetwork(
                folder / READER, folder / STEP, width=int(self.story["width"]), threads=threads
            )
        except ArtifactError:
            raise
        except (
            Exception
        ) as error:  # both libraries raise bare Exceptions of their own for a file they cannot read
            reason = " ".join(str(error).split())[:200]
            raise ArtifactError(
                f"model directory {folder}: it cannot be loaded ({reason})"
            ) from None
        self.vocabulary = Vocabulary(self.story["brands"], self.story["topics"])
        self.mixture = Mixture(
            network, ngram.load(folder / NGRAM), np.array(self.story["mix"], dtype=np.float32)
        )
        self.policy = Policy(self.slots)
        self._templates = templates.Templates()
        self._drafting = Drafting(self.mixture, self.subwords)

    def __call__(
        self,
        requests: Sequence[ReplyRequest],
        *,
        n: int = 3,
        seed: int = 0,
        recent: Collection[str] = (),
    ) -> list[Draft]:
        """A draft for each request, with up to `n` candidates, those that pass the gate first, best
        first.

        seed: the same gives the same drafts, whatever else is in `requests`. recent: texts that
        were sent lately.
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
        written = self._drafting(
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
        candidates: dict[str, Candidate] = {}
        chosen: list[Candidate] = []
        for one in written:  # best first, until there are enough
            text = filled(polished(one.text), message, request.brand)
            if text and same(text) not in candidates:
                made = Candidate(text, one.score, refusals=self.policy.check(text, request, recent))
                candidates[same(text)] = made
                chosen += [made] if made.passes and is_unlike(made, chosen) else []
            if len(chosen) == n:
                break
        spare = [one for one in candidates.values() if one.passes and one not in chosen]
        passing = (chosen + spare)[:n]
        refused = [one for one in candidates.values() if not one.passes]
        if not passing:
            text = self._templates(
                request, seed, lambda text: not self.policy.check(text, request, recent)
            )
            passing = [Candidate(text, 0.0, "template", self.policy.check(text, request, recent))]
        return Draft((*passing, *refused[: max(0, n - len(passing))]), self.version)


def wished(request: ReplyRequest) -> Conditions:
    """What a reply to this request should be conditioned on: one that passes the gate."""
    must = needs(request)
    calm = request.sentiment in ("positive", "neutral") and not request.severity
    return Conditions(
        brand=request.brand,
        topic=request.topic,
        sentiment=request.sentiment,
        clean=True,
        apology=True if must.apology else False if calm else None,
        handover=True if must.handover else None,
    )


def is_unlike(one: Candidate, others: Iterable[Candidate]) -> bool:
    """Does it say something else than the others, not nearly the same?"""
    own, words = _words(one), map(_words, others)
    return all(len(own & other) < ALIKE * len(own | other) for other in words)


def _words(one: Candidate) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", one.text.casefold()))


def _fillable(message: Slotted, request: ReplyRequest) -> frozenset[str]:
    """The slots that a draft may use."""
    return frozenset(message.values) | (frozenset() if request.brand is None else {"<brand>"})


def _seed(request: ReplyRequest, seed: int) -> int:
    """Of this request alone, so that its drafts do not depend on its neighbours."""
    told = json.dumps(
        [seed, request.text, request.brand, request.topic, request.sentiment, request.severity]
    )
    return int(hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16], 16)
