"""LLM backend: a language model at an OpenAI-compatible address, the local model beside it.

Only redacted text leaves the machine: personal data is replaced and handles are hidden before
anything is sent, whoever calls. A text without an answer in time gets the local model's judgement,
and says so by its `model`.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
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
TIMEOUT = 20.0  # seconds that a server may be silent
RETRIES = 2  # further tries of a message
CONCURRENCY = 8  # requests under way at once
LONGEST_WAIT = 15.0  # seconds; a server that asks for more is left alone for that long


class LocalModel(Protocol):
    """The model on this machine; `models.analyzer.Analyzer` in earnest."""

    version: str
    taxonomy: Taxonomy

    def __call__(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        trades: Sequence[str | None] | None = None,
    ) -> list[Analysis]: ...


class LlmError(Exception):
    """The backend cannot be used at all; the message says what to do."""


class _NoAnswer(Exception):
    """kind: for the count. wait: seconds that the server asked for. for_good: tries are no use."""

    def __init__(self, kind: str, *, wait: float = 0.0, for_good: bool = False) -> None:
        super().__init__(kind)
        self.kind, self.wait, self.for_good = kind, wait, for_good


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars a million tokens."""

    input: float = 0.0
    output: float = 0.0


@dataclass(slots=True)
class Usage:
    """Totals so far. failures: messages without an answer after all tries, by kind."""

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


# Ways to ask a server for JSON, the strictest first; one that is refused (400) is not used again.
_DIALECTS: tuple[str, ...] = (
    "json_schema",
    "json_object",
    "json_schema, no temperature",
    "nothing",
)


class Llm:
    """One model at one address. For many threads.

    timeout: seconds that a server may be silent. retries: further tries of a message. concurrency:
    requests at once. answer_tokens: that an answer may have. Raises LlmError when the
    package is missing.
    """

    def __init__(
        self,
        *,
        url: str,
        model: str,
        brief: Brief,
        key: str | None = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        concurrency: int = CONCURRENCY,
        price: Price = Price(),
        breaker: Breaker | None = None,
        answer_tokens: int = ANSWER_TOKENS,
    ) -> None:
        try:
            import openai
        except ModuleNotFoundError:
            raise LlmError(
                "the LLM backend needs one more package: pip install 'earshot[llm]'"
            ) from None
        self.model = model
        self.brief = brief
        self.usage = Usage()
        self._lock = threading.Lock()
        hooks: dict[str, list[Callable[[Any], None]]] = {
            "request": [_counter(self.usage, self._lock)],
            "response": [_limit_wait],
        }
        http = openai.DefaultHttpxClient(event_hooks=hooks)
        weakref.finalize(self, http.close)
        self._errors = openai
        self._client = openai.OpenAI(
            base_url=url,
            api_key=key or "none",
            timeout=timeout,
            max_retries=retries,
            http_client=http,
        )
        self._retries = retries
        self._concurrency = concurrency
        self._price = price
        self._breaker = breaker or Breaker()
        self._answer_tokens = answer_tokens
        self._dialect = 0

    def judge(self, texts: Sequence[str]) -> list[dict[str, Any] | None]:
        """The answers about each text, by question; None where no usable answer could be had."""
        return [answer for answer, _ in self.timed(texts)]

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
            answer = self._answer(sendable(text))
        except _NoAnswer as failure:
            self._count_failure(failure.kind)
            if self._breaker.failed(for_good=failure.for_good, wait=failure.wait):
                log.warning("%s is not asked for a while: %s", self.model, failure.kind)
            return None
        except BaseException:
            self._breaker.failed()  # or nobody would ever be let through again
            raise
        self._breaker.succeeded()
        return answer

    def _answer(self, text: str) -> dict[str, Any]:
        """A usable answer. The client retries requests that fail; here, answers that are no use."""
        for _ in range(self._retries + 1):
            try:
                return self.brief.read(self._completion(text), text)
            except Unusable:
                continue
        raise _NoAnswer("unusable answer")

    def _completion(self, text: str) -> str:
        """One answer, in the first dialect from the known one on that the server takes."""
        errors = self._errors
        for dialect in range(self._dialect, len(_DIALECTS)):
            try:
                completion = self._request(text, dialect)
            except (errors.BadRequestError, errors.UnprocessableEntityError):
                continue
            except errors.APITimeoutError:
                raise _NoAnswer("timeout") from None
            except errors.APIConnectionError:
                raise _NoAnswer("no connection") from None
            except errors.APIStatusError as error:
                status = error.status_code
                raise _NoAnswer(
                    f"status {status}",
                    wait=_wait(error.response),
                    for_good=status != 429 and status < 500,
                ) from None
            except (errors.OpenAIError, ValueError) as error:  # ValueError: it is no JSON at all
                raise Unusable(type(error).__name__) from None
            self._dialect = dialect
            return self._content(completion)
        raise _NoAnswer("refused (400)")

    def _request(self, text: str, dialect: int) -> Any:
        schema = {
            "type": "json_schema",
            "json_schema": {"name": "analysis", "strict": True, "schema": self.brief.schema()},
        }
        settings: dict[str, Any] = (
            {"temperature": 0, "max_tokens": self._answer_tokens, "response_format": schema},
            {
                "temperature": 0,
                "max_tokens": self._answer_tokens,
                "response_format": {"type": "json_object"},
            },
            {
                "max_completion_tokens": 10 * self._answer_tokens,
                "response_format": schema,
            },  # models that reason first
            {},
        )[dialect]
        return self._client.chat.completions.create(
            model=self.model,
            messages=[
                {"role": "system", "content": self.brief.system()},
                {"role": "user", "content": ask(text)},
            ],
            **settings,
        )

    def _content(self, completion: Any) -> str:
        """The text of a completion, whose tokens are counted whatever it says."""
        usage = getattr(completion, "usage", None)
        input_tokens = int(getattr(usage, "prompt_tokens", 0) or 0)
        output_tokens = int(getattr(usage, "completion_tokens", 0) or 0)
        cost = input_tokens * self._price.input + output_tokens * self._price.output
        with self._lock:
            self.usage.answers += 1
            self.usage.input_tokens += input_tokens
            self.usage.output_tokens += output_tokens
            self.usage.dollars += cost / 1e6
        # A server's own completions may lack any of these.
        choice = next(iter(getattr(completion, "choices", None) or []), None)
        content = getattr(getattr(choice, "message", None), "content", None)
        if not isinstance(content, str) or getattr(choice, "finish_reason", None) == "length":
            raise Unusable("it was cut short")
        return content

    def _count_failure(self, kind: str) -> None:
        with self._lock:
            self.usage.failures[kind] += 1


class LlmAnalyzer:
    """The local model's analyses, with the answers of a language model in place of their parts.

    The embedding, and how much a message reads like urgent ones, stay the local model's. A language
    model gives no probabilities: its choice has 1.0. `version` names both; an analysis that fell
    back names the local one alone.
    """

    def __init__(self, local: LocalModel, llm: Llm) -> None:
        self.local = local
        self.llm = llm
        self.taxonomy = local.taxonomy
        self.version = f"{llm.model}+{local.version}"

    def __call__(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        trades: Sequence[str | None] | None = None,
    ) -> list[Analysis]:
        """Read each text, in order. Never fails for the language model's sake.

        trades: of the brand of each; a topic that does not fit it stays the local model's.
        """
        known = [None] * len(texts) if trades is None else trades
        analyses = (
            self.local(texts, languages) if trades is None else self.local(texts, languages, trades)
        )
        distinct = list(dict.fromkeys(texts))
        answers = dict(zip(distinct, self.llm.judge(distinct), strict=True))
        return [
            merged(analysis, self._fitting(answers[text], trade), self.version)
            for text, analysis, trade in zip(texts, analyses, known, strict=True)
        ]

    def _fitting(self, answer: dict[str, Any] | None, trade: str | None) -> dict[str, Any] | None:
        """The answer without a topic and problem of which no customer of the trade speaks."""
        if answer is None or "topic" not in answer:
            return answer
        if self.local.taxonomy.fits(trade, answer["topic"], answer.get("problem")):
            return answer
        return {
            key: value for key, value in answer.items() if key not in ("topic", "problem", "words")
        }


def merged(local: Analysis, answer: dict[str, Any] | None, version: str) -> Analysis:
    """The analysis with the answer in it; as it is, where there is none.

    A text in a language that only the language model knows is not abstained from.
    """
    if answer is None:
        return local
    values: dict[str, Any] = {}
    if "sentiment" in answer:
        label = answer["sentiment"]
        probabilities = {name: float(name == label) for name in SENTIMENTS}
        values["sentiment"] = Sentiment(label, 1.0, probabilities)
        values["abstained"] = False
    if "complaint" in answer:
        values["complaint"] = float(answer["complaint"])
    if "severity" in answer:
        values["severity"] = answer["severity"]
        values["dissatisfaction"] = 25.0 * answer["severity"]
    if "dissatisfaction" in answer:
        values["dissatisfaction"] = answer["dissatisfaction"]
    if "topic" in answer:
        values["topic"] = Topic(answer["topic"], 1.0)
    if "problem" in answer:
        name = answer["problem"]
        words = answer.get("words", ())
        values["problem"] = None if name is None else Problem(name, 1.0, words)
    return replace(local, model=version, **values)


def sendable(text: str) -> str:
    """The text as it may leave the machine: without personal data, links, handles; not too long."""
    return normalize(redact(text[:LONGEST]))


def _counter(usage: Usage, lock: threading.Lock) -> Callable[[Any], None]:
    """A hook that counts requests, those that the client retries too."""

    def count(_request: Any) -> None:
        with lock:
            usage.requests += 1

    return count


def _limit_wait(response: Any) -> None:
    """Keep the client from a retry that the server puts off for longer than LONGEST_WAIT."""
    if _wait(response) > LONGEST_WAIT:
        response.headers["x-should-retry"] = "false"


def _wait(response: Any) -> float:
    """Seconds of the header Retry-After; 0 without one."""
    try:
        return float(response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0
