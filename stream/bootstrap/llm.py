"""Language model of the settings, over the local one, and its metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from models.llm.backend import ANSWER_TOKENS, Llm, LlmAnalyzer, LlmError, Price
from models.llm.calls import CALL_BRIEF, LlmCalls
from models.llm.prompt import Brief, BriefError, brief_of, read_brief
from models.llm.tuning import Tuning
from models.taxonomy.classifier import Taxonomy, read_taxonomy
from stream.errors import UserError
from stream.settings import Settings


def with_llm(settings: Settings, local: Any) -> LlmAnalyzer:
    """The language model of the settings, with `local`, an Analyzer, to fall back on.

    Raises UserError that names the missing setting.
    """
    return LlmAnalyzer(local, language_model(settings, brief(settings, local.taxonomy)))


def calls_with_llm(settings: Settings, read: Any) -> LlmCalls:
    """The language model of the settings on calls, with `read`, a reader of calls, to fall back on.

    Raises UserError that names the missing setting.
    """
    return LlmCalls(read, language_model(settings, CALL_BRIEF))


def fallback_of(backend: Any) -> str | None:
    """One line on what the local model judged alone, and why; None where it judged nothing so."""
    failures = backend.llm.usage.failures if isinstance(backend, LlmAnalyzer | LlmCalls) else None
    if not failures:
        return None
    reasons = ", ".join(f"{kind}: {count:,}" for kind, count in failures.most_common())
    name = backend.llm.model
    return f"{failures.total():,} judged by the local model alone, without {name} ({reasons})"


def language_model(
    settings: Settings,
    brief: Brief,
    model: str | None = None,
    *,
    answer_tokens: int = ANSWER_TOKENS,
) -> Llm:
    """The endpoint of the settings. model: instead of EARSHOT_LLM_MODEL. answer_tokens: that an
    answer may have. Raises UserError.
    """
    url, name = _endpoint(settings, model)
    try:
        return Llm(
            url=url,
            model=name,
            brief=brief,
            key=settings.llm_key.get_secret_value() if settings.llm_key else None,
            price=Price(settings.llm_input_price, settings.llm_output_price),
            answer_tokens=answer_tokens,
        )
    except LlmError as error:
        raise UserError(str(error)) from None


def tuning(settings: Settings, folder: Path, base: str | None = None) -> Tuning:
    """The fine-tuning of a folder at the endpoint. base: instead of EARSHOT_LLM_MODEL.

    Raises UserError.
    """
    url, name = _endpoint(settings, base)
    key = settings.llm_key.get_secret_value() if settings.llm_key else None
    try:
        return Tuning(folder, url=url, key=key, base=name)
    except LlmError as error:
        raise UserError(str(error)) from None


def _endpoint(settings: Settings, model: str | None) -> tuple[str, str]:
    """The address and the model's name. Raises UserError that names the missing setting."""
    if settings.llm_url is None:
        raise UserError("the LLM backend needs EARSHOT_LLM_URL, an OpenAI-compatible address")
    if not settings.llm_url.startswith(("http://", "https://")):
        raise UserError("EARSHOT_LLM_URL: is https://host/v1 or the like; see deploy/env.example")
    name = model or settings.llm_model
    if name is None:
        raise UserError(
            "the LLM backend needs EARSHOT_LLM_MODEL, the name of the model at EARSHOT_LLM_URL"
        )
    return settings.llm_url, name


def brief(settings: Settings, taxonomy: Taxonomy | None) -> Brief:
    """The brief of EARSHOT_LLM_BRIEF; without it, every label of the taxonomy. Raises UserError."""
    if settings.llm_brief is None:
        return brief_of(taxonomy or read_taxonomy())
    try:
        return read_brief(settings.llm_brief.expanduser())
    except BriefError as error:
        raise UserError(f"the brief {error}") from None


class LlmFigures(Collector):
    """Requests, tokens, dollars and failures of the language model, for Prometheus."""

    def __init__(self, llm: Llm) -> None:
        self._llm = llm

    def collect(self) -> Iterator[Metric]:
        usage = self._llm.usage
        tokens = CounterMetricFamily(
            "earshot_llm_tokens", "Tokens sent and received.", labels=["direction"]
        )
        tokens.add_metric(["input"], usage.input_tokens)
        tokens.add_metric(["output"], usage.output_tokens)
        failures = CounterMetricFamily(
            "earshot_llm_failures", "Texts that the local model judged alone.", labels=["kind"]
        )
        for kind, count in usage.failures.copy().items():
            failures.add_metric([kind], count)
        yield CounterMetricFamily(
            "earshot_llm_requests", "Requests, retries included.", value=usage.requests
        )
        yield CounterMetricFamily(
            "earshot_llm_dollars", "At the prices of the settings.", value=usage.dollars
        )
        yield from (tokens, failures)


def llm_figures(backend: Any) -> list[Collector]:
    """A language model's metrics; none where the local model judges."""
    return [LlmFigures(backend.llm)] if isinstance(backend, LlmAnalyzer | LlmCalls) else []


def watch_llm(registry: CollectorRegistry, backend: Any) -> None:
    """Register a language model's metrics; nothing where the local model judges."""
    for collector in llm_figures(backend):
        registry.register(collector)
