"""Topics and problems benchmark: what is named of real messages, against what readers named.

`make bench-topics`, or `PYTHONPATH=tests python -m benchmarks.topics`. The labels stand in
`tests/data/topic_labels.csv` by a hash of the text; the tenth that is measured is held out by the
hash. The texts are looked for in the public sets (`../shared/data`, or EARSHOT_SHARED).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.taxonomy.classifier import OTHER, read_taxonomy
from models.training.corpus.complaints import Meanings
from models.training.corpus.data import shared_data, split
from models.training.corpus.keyed import read_topics


def agreement(names: Sequence[str | None], allowed: Sequence[Sequence[str]]) -> dict[str, float]:
    """How many are named, and rightly so. allowed: what a reader named, `other` for nothing."""
    named = [at for at, name in enumerate(names) if name not in (None, OTHER)]
    right = [at for at in named if names[at] in allowed[at]]
    by_reader = sum(tuple(own) != (OTHER,) for own in allowed)
    return {
        "named": len(named),
        "right": len(right),
        "share of named": round(len(right) / max(1, len(named)), 3),
        "by the reader": by_reader,
        "share of the reader's": round(len(right) / max(1, by_reader), 3),
    }


def main() -> None:
    examples = split(read_topics(shared_data(), Meanings(read_taxonomy())))["test"]
    if not examples:
        sys.exit(f"no public set below {shared_data()}: EARSHOT_SHARED says where they are")
    analyses = Analyzer(default_artifact(), threads=2)([example.text for example in examples])
    topics = [analysis.topic.label if analysis.topic else None for analysis in analyses]
    problems = [analysis.problem.label if analysis.problem else None for analysis in analyses]
    figures = {
        "messages": len(examples),
        "topic": agreement(topics, [example.topics for example in examples]),
        "problem": agreement(problems, [example.problems for example in examples]),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
