"""The replier in a process of its own: requests come in as lines of JSON, drafts go out as such.

A worker starts it as `python -m models.replier.process DIRECTORY`. It runs at the lowest priority,
so that it writes in the time that reading messages leaves over, and ends with its input, so that it
never outlives its worker.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from models.artifact import ArtifactError
from models.replier.draft import Candidate, Draft, Refusal, ReplyRequest

LOWEST = 19


def asked(requests: Sequence[ReplyRequest], recent: Collection[str]) -> str:
    """The line that asks for drafts."""
    return json.dumps({"requests": [asdict(one) for one in requests], "recent": sorted(recent)})


def drafts_of(line: str) -> list[Draft]:
    """The drafts in a line of answer. Raises ValueError for what it says went wrong, and for any
    other line.
    """
    told = json.loads(line)
    if not isinstance(told, dict) or "drafts" not in told:
        raise ValueError(told.get("error") if isinstance(told, dict) else "no answer")
    return [
        Draft(
            tuple(
                Candidate(
                    **{**one, "refusals": tuple(Refusal(**refusal) for refusal in one["refusals"])}
                )
                for one in draft["candidates"]
            ),
            draft["model"],
        )
        for draft in told["drafts"]
    ]


def serve(folder: Path, given: TextIO, told: TextIO) -> None:
    """Answer every line of `given`; the first line told is the version, or why the replier cannot
    be used.
    """
    from models.replier.replier import Replier

    def tell(**facts: object) -> None:
        print(json.dumps(facts), file=told, flush=True)

    try:
        replier = Replier(folder, threads=1)
    except ArtifactError as error:
        return tell(error=str(error))
    tell(version=replier.version)
    for line in given:
        try:
            asked = json.loads(line)
            requests = [ReplyRequest(**one) for one in asked["requests"]]
            tell(
                drafts=[
                    asdict(draft) for draft in replier(requests, recent=frozenset(asked["recent"]))
                ]
            )
        except (
            Exception
        ) as error:  # whatever one message does to the model, the next one is drafted for
            tell(error=type(error).__name__)
    return None


def main() -> None:
    os.nice(LOWEST) if hasattr(os, "nice") else None
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C in the terminal is for the worker, which ends us
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    serve(Path(sys.argv[1]), sys.stdin, told)


if __name__ == "__main__":
    main()
