"""Model card: the Markdown of a model directory's story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.artifact import OF_PROBLEM, OF_TOPIC

_RUN = """Run `earshot train sentiment models/training/configs/heads.toml` with the data in
`../shared/data` (or `EARSHOT_SHARED`). It starts from {start}
(made by `models/training/configs/default.toml`). It reads {epochs} epochs of {train} texts, by
turns half of {by_turns} more, with seed {seed}. It looks at the validation sets {looks} times an
epoch and keeps the weights of the best look.
{of_start}It takes about 45 minutes on one free core with AMX
(`OMP_NUM_THREADS=1`, `threads = 1`)."""
_HEADS = """Run `earshot train sentiment models/training/configs/further.toml` with the data in
`../shared/data` (or `EARSHOT_SHARED`). It trains the heads of severity, topic and problem again
({epochs} epochs, seed {seed}) on the outputs of the encoder of {start}
(SHA-256 {start_hash}). The encoder and all other outputs are of that model, bit for bit for the
same words. So are the lines of the gate about them. The encoder itself was trained by
`models/training/configs/default.toml`, then `models/training/configs/heads.toml`. Reading 45,000
texts takes 5 minutes of a core. The heads take one minute."""
_OF_START = """
The result has {share:.0%} of the start's weights. This share has the best sentiment on
TweetEval's validation part. The test splits had been read once before, for a candidate without
them (macro-recall 0.697 on TweetEval).
"""
_TRIAGE = """Then run `earshot train triage models/training/configs/triage.toml`, with the same data
and that model as its start. It tunes the layers of the encoder above the first {frozen}, {epochs}
epochs of {learned} labelled messages (half an hour of two cores), and holds the other heads by what
the start says about {rehearsal} texts of their own training."""
_TRIAGE_FURTHER = """Then run `earshot train triage models/training/configs/triage_further.toml`,
with that model as its start: {epochs} epochs of {learned} labelled messages, among them matched
contrasts (`tests/data/triage_contrasts.csv`), in half an hour of two cores. The start is the
teacher again."""
_TRIAGE_TOGETHER = """Then run `earshot train triage models/training/configs/triage_together.toml`,
with that model as its start (`frozen = {frozen}`, `rate = {rate:g}`, whatever the recipe says by
now): {epochs} epochs of {learned} labelled messages. Beside the levels it learns
{beside}.
The start is the teacher again."""
_TRIAGE_HEADS = """Then run `earshot train triage models/training/configs/triage_heads.toml`, with
that model as its start. It teaches the heads of level and reasons alone: {epochs} epochs of
{learned} labelled messages, the mean of {soup} runs and the start, a few minutes of a core. Every
other output is the start's, bit for bit, and so are its figures and its lines of the gate."""
_TRIAGE_READERS = """Then run `earshot train triage models/training/configs/triage_readers.toml`,
with that model as its start. It adds two readers of {learned} labelled messages to the heads of
level and reasons: a linear model of words and pairs of words, and a hidden layer on the embedding
(Cheng et al., 2016, "Wide & Deep Learning"), in minutes of a core. Every other output is the
start's, bit for bit, and so are its figures and its lines of the gate."""
_TOPICS = """Then run `earshot train sentiment models/training/configs/topics.toml`, with that model
as its start. It teaches the heads of {heads} alone: {epochs} epochs, the mean of {soup} runs, in
which each message whose topic a reader named comes {read} times. Reading 50,000 texts takes half
an hour of a core without VNNI, the heads five minutes. Every other output is the start's, bit for
bit."""
_TRIAGE_FIGURES = """### Triage

On messages that were not learned from, but chose the calibration and the thresholds of triage
({chosen}). `uniform` are real messages, drawn at random; `sought` look urgent or were written for
it. Who labelled: language models, by a guide (`tests/data/TRIAGE_GOLD.md`), one reader each, or the
writer. Of 670 real messages that two read 91 % have the same level (of the last 220, to brands,
92 %): an upper bound, for all readers are of one kind.

| figure | value |
|---|---|
{rows}

`earshot evaluate triage --data FILE` measures triage as a whole, with its phrases and rules;
`stream/README.md` has its figures on what is held out.

"""
_TEMPLATE = Path(__file__).with_name("card.md")
_TRIAGE_DATA = Path(__file__).with_name("card_triage_data.md")


def card(story: Mapping[str, Any]) -> str:
    """The Markdown of a story. Its `since` is a few lines on changes after the training."""
    recipe = story["recipe"]
    return _TEMPLATE.read_text(encoding="utf-8").format(
        version=story["version"],
        base=recipe["base"],
        rank=recipe["rank"],
        max_tokens=story["max_tokens"],
        texts=", ".join(f"{name} {count:,}" for name, count in story["texts"].items()),
        topics=len(story["labels"]["topic"]) - 1,
        problems=len(story["labels"]["problem"]) - 1,
        test=_table(story["test"]) if story["test"] else "(none: this recipe holds no test split)",
        understood=_understood(story["understood"])
        if story["understood"]
        else "(none: no test split)",
        validation=_table(story["validation"]),
        temperatures=", ".join(f"{task} {value}" for task, value in story["temperatures"].items()),
        chosen=f"topic from {story['least_probability']['topic']}{_of_single_topics(story)}, "
        f"problem from {story['least_probability']['problem']}{_of_single_problems(story)}, "
        f"words from {story['cause_least']}, strange above {story['strange_most']}, "
        f"dissatisfaction of the grades 2 to 5 from {', '.join(map(str, story['levels']))}",
        gate="\n".join(story["gate"]),
        again="\n\n".join([_again(story), *_triage_again(story), *story.get("since", [])]),
        triage_data=_triage_data(story),
        triage=_triage_figures(story),
    )


def _of_single_topics(story: Mapping[str, Any]) -> str:
    """What is said of the topics that take a probability of their own."""
    own = [
        f"`{task.removeprefix(OF_TOPIC)}` from {value}"
        for task, value in story["least_probability"].items()
        if task.startswith(OF_TOPIC)
    ]
    return f" ({', '.join(own)})" if own else ""


def _of_single_problems(story: Mapping[str, Any]) -> str:
    """What is said of the problems that take a probability of their own."""
    own = [v for task, v in story["least_probability"].items() if task.startswith(OF_PROBLEM)]
    if not own:
        return ""
    return f" ({len(own)} of them from {min(own)} to {max(own)}, chosen by reading)"


def _again(story: Mapping[str, Any]) -> str:
    recipe = story["recipe"]
    if recipe.get("heads_only"):
        triage = _of_triage(story)
        first = _tunings(triage.get("encoder") or triage)[0] if triage else {}
        return _HEADS.format(
            epochs=recipe["epochs"],
            seed=recipe["seed"],
            start=first.get("started_from") or story.get("started_from", "the start"),
            start_hash=(first.get("start") or story["data"]["start"])[:12],
        )
    return _RUN.format(
        epochs=recipe["epochs"],
        looks=recipe["looks"],
        train=f"{story['texts']['train']:,}",
        by_turns=f"{story['texts']['by turns']:,}",
        seed=recipe["seed"],
        start=recipe["start"] or "the base",
        of_start=_OF_START.format(share=recipe["of_start"]) if recipe["of_start"] else "",
    )


def _of_triage(story: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the story says of the heads of triage; None without them or for labels of one's own."""
    triage: Mapping[str, Any] | None = story.get("triage")
    return triage if triage and "recipe" in triage else None


def _triage_again(story: Mapping[str, Any]) -> list[str]:
    triage = _of_triage(story)
    if triage is None:
        return []
    first, *further = _tunings(triage.get("encoder") or triage)
    paragraphs = [
        _tuning(_TRIAGE, first),
        *(_tuning(_further(tuning), tuning) for tuning in further),
    ]
    if heads := story.get("heads"):
        if level := triage.get("heads"):
            paragraphs.append(_level_heads(triage, level))
        paragraphs.append(_TOPICS.format(**{**heads, "heads": " and ".join(heads["heads"])}))
    if triage["recipe"].get("readers"):
        learned = f"{sum(triage['learned'].values()):,}"
        paragraphs.append(_TRIAGE_READERS.format(learned=learned))
    elif triage["recipe"].get("heads_only"):
        paragraphs.append(_level_heads(triage, triage["recipe"]))
    return paragraphs


def _level_heads(triage: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    return _TRIAGE_HEADS.format(
        epochs=recipe["epochs"],
        soup=recipe["soup"],
        learned=f"{sum(triage['learned'].values()):,}",
    )


def _tunings(last: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tunings of the encoder for triage, first to last."""
    before = last.get("before")
    return [*(_tunings(before) if before else ()), last]


def _further(tuning: Mapping[str, Any]) -> str:
    """The template of a later tuning: of the levels, or of all heads together."""
    return _TRIAGE_TOGETHER if _beside(tuning) else _TRIAGE_FURTHER


def _beside(tuning: Mapping[str, Any]) -> list[str]:
    """What a tuning learned beside the levels."""
    recipe = tuning["recipe"]
    beside = []
    if files := recipe.get("paraphrases"):
        beside.append(f"that paraphrases are judged alike ({_quoted(files)})")
    if recipe.get("felt") and (files := recipe.get("sentiments")):
        beside.append(f"labelled sentiments ({_quoted(files)})")
    if recipe.get("named_weight"):
        count = tuning.get("named")
        messages = "some" if count is None else f"{count:,}"
        beside.append(f"the topics and problems that readers named of {messages} of these messages")
    return beside


def _quoted(files: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in files)


def _tuning(template: str, tuning: Mapping[str, Any]) -> str:
    recipe = tuning["recipe"]
    return template.format(
        frozen=recipe["frozen"],
        rate=recipe["rate"],
        epochs=recipe["epochs"],
        rehearsal=f"{recipe['rehearsal']:,}",
        learned=f"{sum(tuning['learned'].values()):,}",
        beside=", and ".join(_beside(tuning)),
    )


def _triage_data(story: Mapping[str, Any]) -> str:
    triage = _of_triage(story)
    if triage is None:
        return ""
    counts = ", ".join(f"{level} {count:,}" for level, count in triage["learned"].items())
    return _TRIAGE_DATA.read_text(encoding="utf-8").format(counts=counts)


def _triage_figures(story: Mapping[str, Any]) -> str:
    triage = _of_triage(story)
    if triage is None:
        return ""
    counts = ", ".join(f"{level} {count:,}" for level, count in triage["chosen on"].items())
    rows = "\n".join(f"| {name} | {value:.3f} |" for name, value in triage["figures"].items())
    return _TRIAGE_FIGURES.format(chosen=counts, rows=rows)


def _table(figures: Mapping[str, Any]) -> str:
    rows = [
        "| set and task | n | macro-recall | macro-F1 | accuracy | ECE |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in figures.items():
        cells = [f"{row[key]:.3f}" for key in ("macro_recall", "macro_f1", "accuracy", "ece")]
        rows.append("| " + " | ".join([name, f"{row['n']:,}", *cells]) + " |")
        if "macro_f1_of_complaints" in row:
            rows.append(
                f"| {name}, 1 to 4 of complaints | | | {row['macro_f1_of_complaints']:.3f} | | |"
            )
    return "\n".join(rows)


def _understood(figures: Mapping[str, Any]) -> str:
    head = [
        "set and what",
        "n",
        "accuracy",
        "macro-F1",
        "mean error of 100",
        "rank correlation",
        "share",
    ]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, row in figures.items():
        cells = [
            f"{row[key]:.3f}" if key in row else ""
            for key in ("accuracy", "macro_f1", "mean_error", "spearman", "share")
        ]
        rows.append("| " + " | ".join([name, f"{row['n']:,}", *cells]) + " |")
    return "\n".join(rows)
