"""Replier card: the Markdown of a replier's story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_TEMPLATE = Path(__file__).with_name("card.md")


def card(story: Mapping[str, Any]) -> str:
    """The Markdown of a replier's story."""
    pairs, test = story["pairs"], story["test"]
    return _TEMPLATE.read_text(encoding="utf-8").format(
        **{
            name: value
            for name, value in story["recipe"].items()
            if name not in ("minutes", "start")
        },
        version=story["version"],
        train=f"{pairs['train']:,}",
        held_validation=f"{pairs['validation']:,}",
        held_test=f"{pairs['test']:,}",
        trained=_trained(story),
        validation=_perplexities(story["validation"]),
        gate="\n".join(story["gate"]),
        figures=_figures(test),
        sense=_sense(story.get("sense")),
        shown=_samples(test.get("shown", [])),
    )


def _trained(story: Mapping[str, Any]) -> str:
    recipe, start = story["recipe"], _start(story.get("start"))
    if not story["steps"]:
        earlier = start.removeprefix(", from the weights")
        return f"No weight was trained. These are the weights{earlier}. The rest was made anew."
    passes = story["steps"] * recipe["batch"] / max(1, story["pairs"]["train"])
    return (
        f"{story['steps']:,} steps of {recipe['batch']} pairs ({passes:.1f} passes),"
        f" {story['minutes']} minutes of processor time on one core,"
        f" seed {recipe['seed']}{start};\n"
        f"AdamW at {recipe['rate']}, dropout {recipe['dropout']},"
        f" label smoothing {recipe['smoothing']}, averaged weights."
    )


def _start(start: Mapping[str, Any] | None) -> str:
    """The start of a run, and the starts before it."""
    if start is None:
        return ""
    effort = f"{start['steps']:,} steps, {start['minutes']} minutes"
    return f", from the weights of `{start['version']}` ({effort})" + _start(start.get("start"))


def _perplexities(perplexities: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in perplexities.items())


def _sense(figures: Mapping[str, float] | None) -> str:
    if not figures:
        return "(This replier has none.)"
    return (
        f"Of {figures['n']:,.0f} held-out pairs a true one scores above a shuffled one in"
        f" {100 * figures['auc']:.1f} % of cases; {100 * figures['shuffled below 0.3']:.0f} % of"
        f" the shuffled and {100 * figures['true below 0.3']:.0f} % of the true ones are refused."
    )


def _figures(test: Mapping[str, Any]) -> str:
    if not test:
        return "(none: this recipe holds no test split)"
    better = min(test["perplexity"]["gru"], test["perplexity"]["ngram"])
    gain = 1 - test["perplexity"]["mix"] / better
    spent = test["milliseconds"]
    rows = [
        ("pairs", test["n"]),
        ("perplexity per token", _perplexities(test["perplexity"])),
        ("the mix against the better one", f"{100 * gain:.1f} % lower"),
        ("perplexity per character", _perplexities(test["perplexity_per_character"])),
        ("chrF of the first candidate", test["chrf"]),
        ("chrF of the nearest past reply", _nearest(test)),
        ("ROUGE-L", test["rouge_l"]),
        ("distinct-1, distinct-2", f"{test['distinct_1']}, {test['distinct_2']}"),
        ("texts written that pass the gate", f"{100 * test['written_passing']:.1f} %"),
        ("candidates shown that pass the gate", f"{100 * test['candidates_passing']:.1f} %"),
        (
            "messages answered by the model, the others by a template",
            f"{100 * test['answered_by_model']:.1f} %",
        ),
        ("passing drafts with an invented fact", f"{100 * test['invented']:.2f} %"),
        (
            f"milliseconds a draft, median and p95, at load {spent['load']}",
            f"{spent['median']}, {spent['p95']}",
        ),
        ("of processor time, median", spent["of_processor"]),
    ]
    return "\n".join(
        ["| figure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    )


def _nearest(test: Mapping[str, Any]) -> str:
    """The rival's figure, with the release it was measured for if that is an earlier one."""
    of = test.get("nearest_past_reply_measured_for")
    return str(test.get("chrf_of_nearest_past_reply", "not measured")) + (
        f" (measured for `{of}`)" if of else ""
    )


def _samples(samples: Sequence[Mapping[str, Any]]) -> str:
    rows = ["| conversation | brand, topic, mood | candidate | verdict |", "|---|---|---|---|"]
    for sample in samples:
        judged = ", ".join(
            str(sample[name]) for name in ("brand", "topic", "sentiment") if sample[name]
        )
        for text, source, refusals in sample["candidates"]:
            verdict = "; ".join(refusals) or (
                "passes" if source == "model" else "passes (template)"
            )
            rows.append(f"| {sample['row']} | {judged} | {text.replace('|', '/')} | {verdict} |")
    return "\n".join(rows)
