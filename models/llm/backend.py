"""A language model behind an OpenAI-compatible address: the same `Analysis`, with the local model
beside it.

Only redacted text leaves the machine: personal data is replaced and handles are hidden before
anything is sent, whoever calls. What cannot be had from there in time is the local model's
judgement, and says so by its `model`.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from models.analysis import Analysis, Problem, Sentiment, Topic
from models.llm.circuit_breaker import Breaker
from models.llm.prompt import SENTIMENTS, Brief, Unusable, ask
from models.redact import redact
from models.taxonomy.classifier import Taxonomy
from models.text import normalize

log = logging.getLogger(__name__)

LONGEST = 8_000  # characters of a message that are looked at
ANSWER_TOKENS = 400
LONGEST_WAIT = (
    15.0  # seconds between tries; a server that asks for more is left alone for that long
)


class Local(Protocol):
    """The model on this machine; `models.analyzer.Analyzer` in earnest."""

    version: str
    taxonomy: Taxonomy

    def __call__(
        self, texts: Sequence[str], languages: Sequence[str | None] | None = None
    ) -> list[Analysis]: ...


class LlmError(Exception):
    """The backend cannot be used at all; the message says what to do."""


class _Failed(Exception):
    """No answer. kind: for the count. wait: seconds that the server asked for. hopeless: trying
    again is no use.
    """

    def __init__(self, kind: str, *, wait: float = 0.0, hopeless: bool = False) -> None:
        super().__init__(kind)
        self.kind, self.wait, self.hopeless = kind, wait, hopeless


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars a million tokens."""

    input: float = 0.0
    output: float = 0.0


@dataclass(slots=True)
class Usage:
    """What was used so far. failures: by kind; each is a message without an answer, after all its
    tries.
    """

    requests: int = 0
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    dollars: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "answers": self.answers,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "dollars": round(self.dollars, 6),
            "failures": dict(self.failures),
        }


# How servers want to be told that JSON is expected, the strictest first; one that is refused (400)
# is not tried again.
_DIALECTS: tuple[str, ...] = (
    "json_schema",
    "json_object",
    "json_schema, no temperature",
    "nothing",
)


class Llm:
    """One model at one address. For many threads.

    timeout: seconds that a server may be silent. retries: further tries of a message. concurrency:
    requests at once. Raises LlmError when the package is missing.
    """

    def __init__(
        self,
        *,
        url: str,
        model: str,
        brief: Brief,
        key: str | None = None,
        timeout: float = 20.0,
        retries: int = 2,
        concurrency: int = 8,
        price: Price = Price(),
        breaker: Breaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            import openai
        except ModuleNotFoundError:
            raise LlmError(
                "the LLM backend needs one more package: pip install 'earshot[llm]'"
            ) from None
        self._errors = openai
        self._client = openai.OpenAI(
            base_url=url, api_key=key or "none", timeout=timeout, max_retries=0
        )
        self._brief, self._retries, self._concurrency, self._price = (
            brief,
            retries,
            concurrency,
            price,
        )
        self._breaker = breaker or Breaker()
        self._sleep = sleep
        self._dialect = 0
        self._lock = threading.Lock()
        self.model = model
        self.brief = brief
        self.usage = Usage()

    def judge(self, texts: Sequence[str]) -> list[dict[str, Any] | None]:
        """What the model says of each text, by question; None where no usable answer could be had."""
        return [told for told, _ in self.timed(texts)]

    def timed(self, texts: Sequence[str]) -> list[tuple[dict[str, Any] | None, float]]:
        """The same, each with the seconds it took, its retries included."""

        def judged(text: str) -> tuple[dict[str, Any] | None, float]:
            started = time.perf_counter()
            return self._judge(text), time.perf_counter() - started

        with ThreadPoolExecutor(self._concurrency, "llm") as threads:
            return list(threads.map(judged, texts))

    def _judge(self, text: str) -> dict[str, Any] | None:
        if not text.strip():
            return None
        if not self._breaker.allows():
            self._count_failure("not asked")
            return None
        try:
            told = self._patiently(sendable(text))
        except _Failed as failed:
            self._count_failure(failed.kind)
            if self._breaker.failed(at_once=failed.hopeless, wait=failed.wait):
                log.warning("%s is not asked for a while: %s", self.model, failed.kind)
            return None
        except BaseException:
            self._breaker.failed()  # or nobody would ever be let through again
            raise
        self._breaker.succeeded()
        return told

    def _patiently(self, text: str) -> dict[str, Any]:
        for attempt in range(self._retries + 1):
            try:
                return self._brief.read(self._completion(text), text)
            except Unusable:
                failed = _Failed("unusable answer")
            except _Failed as error:
                failed = error
            if failed.hopeless or failed.wait > LONGEST_WAIT or attempt == self._retries:
                raise failed
            jitter = random.uniform(0.75, 1.25)  # noqa: S311  no secret
            self._sleep(failed.wait or min(LONGEST_WAIT, 0.5 * 2**attempt) * jitter)
        raise AssertionError("unreachable")

    def _completion(self, text: str) -> str:
        """One answer, in the first dialect from the known one on that the server takes."""
        for dialect in range(self._dialect, len(_DIALECTS)):
            try:
                completion = self._request(text, dialect)
            except (self._errors.BadRequestError, self._errors.UnprocessableEntityError):
                continue
            except self._errors.APITimeoutError:
                raise _Failed("timeout") from None
            except self._errors.APIConnectionError:
                raise _Failed("no connection") from None
            except self._errors.APIStatusError as error:
                raise _refused(
                    error.status_code, error.response.headers.get("retry-after")
                ) from None
            except (
                self._errors.OpenAIError,
                ValueError,
            ):  # what is no JSON at all raises ValueError
                raise _Failed("unusable answer") from None
            self._dialect = dialect
            return self._content(completion)
        raise _Failed("refused (400)")

    def _request(self, text: str, dialect: int) -> Any:
        with self._lock:
            self.usage.requests += 1
        schema = {
            "type": "json_schema",
            "json_schema": {"name": "analysis", "strict": True, "schema": self._brief.schema()},
        }
        settings: dict[str, Any] = (
            {"temperature": 0, "max_tokens": ANSWER_TOKENS, "response_format": schema},
            {
                "temperature": 0,
                "max_tokens": ANSWER_TOKENS,
                "response_format": {"type": "json_object"},
            },
            {
                "max_completion_tokens": 10 * ANSWER_TOKENS,
                "response_format": schema,
            },  # models that reason first
            {},
        )[dialect]
        return self._client.chat.completions.create(
            model=self.model,
            messages=[
                {"role": "system", "content": self._brief.system()},
                {"role": "user", "content": ask(text)},
            ],
            **settings,
        )

    def _content(self, completion: Any) -> str:
        """The text of a completion, whose tokens are counted whatever it says."""
        usage = getattr(completion, "usage", None)
        sent, got = (
            int(getattr(usage, name, 0) or 0) for name in ("prompt_tokens", "completion_tokens")
        )
        with self._lock:
            self.usage.answers += 1
            self.usage.input_tokens += sent
            self.usage.output_tokens += got
            self.usage.dollars += (sent * self._price.input + got * self._price.output) / 1e6
        choices = getattr(completion, "choices", None) or []
        content = (
            getattr(getattr(choices[0], "message", None), "content", None) if choices else None
        )
        if not isinstance(content, str) or getattr(choices[0], "finish_reason", None) == "length":
            raise _Failed("unusable answer")
        return content

    def _count_failure(self, kind: str) -> None:
        with self._lock:
            self.usage.failures[kind] += 1


class LlmAnalyzer:
    """The local model's analyses, with what a language model says in place of what it was asked
    about.

    The embedding, and how much a message reads like urgent ones, stay the local model's. A language
    model tells no probabilities: its choice has 1.0. `version` names both; an analysis that fell
    back names the local one alone.
    """

    def __init__(self, local: Local, llm: Llm) -> None:
        self.local = local
        self.llm = llm
        self.taxonomy = local.taxonomy
        self.version = f"{llm.model}+{local.version}"

    def __call__(
        self, texts: Sequence[str], languages: Sequence[str | None] | None = None
    ) -> list[Analysis]:
        """Read each text, in order. Never fails for the language model's sake."""
        analyses = self.local(texts, languages)
        distinct = list(dict.fromkeys(texts))
        told = dict(zip(distinct, self.llm.judge(distinct), strict=True))
        return [
            analysis if (answer := told[text]) is None else merged(analysis, answer, self.version)
            for text, analysis in zip(texts, analyses, strict=True)
        ]


def merged(local: Analysis, told: dict[str, Any], version: str) -> Analysis:
    """The analysis with the answers in it. A language that only the language model knows is not
    abstained from.
    """
    given: dict[str, Any] = {}
    if "sentiment" in told:
        label = told["sentiment"]
        given["sentiment"] = Sentiment(
            label, 1.0, {each: float(each == label) for each in SENTIMENTS}
        )
        given["abstained"] = False
    if "complaint" in told:
        given["complaint"] = float(told["complaint"])
    if "severity" in told:
        given["severity"] = told["severity"]
        given["dissatisfaction"] = 25.0 * told["severity"]
    if "dissatisfaction" in told:
        given["dissatisfaction"] = told["dissatisfaction"]
    if "topic" in told:
        given["topic"] = Topic(told["topic"], 1.0)
    if "problem" in told:
        problem = told["problem"]
        given["problem"] = None if problem is None else Problem(problem, 1.0, told.get("words", ()))
    return replace(local, model=version, **given)


def sendable(text: str) -> str:
    """The text as it may leave the machine: without personal data, links and handles, not too long."""
    return normalize(redact(text[:LONGEST]))


def _refused(status: int, retry_after: str | None) -> _Failed:
    if status == 429 or status >= 500:
        wait = (
            float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else 0.0
        )
        return _Failed(f"status {status}", wait=wait)
    return _Failed(f"status {status}", hopeless=True)
