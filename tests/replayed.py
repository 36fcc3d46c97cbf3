"""A file of tests/data/files, or one written by a test, as the connector reads it."""

import json
import os
from pathlib import Path

from connectors.events import Event
from connectors.files import BadRow, open_file

SAMPLES = Path(__file__).parent / "data" / "files"
SHARED = (
    Path(os.environ.get("EARSHOT_SHARED", Path(__file__).parents[1].parent / "shared")) / "data"
)

AIRLINE_HEADER = "tweet_id,airline,name,text,tweet_created\n"


class Replayed:
    """What a file gave: its events, the cursor behind each, and the rows that could not be read."""

    def __init__(
        self,
        path: Path,
        format: str | None = None,
        *,
        brand: str | None = None,
        after: object = None,
    ) -> None:
        self.bad: list[BadRow] = []
        self.source = open_file(path, format, brand=brand, after=after, on_bad_row=self.bad.append)
        sourced = list(self.source)
        self.events: list[Event] = [event for event, _ in sourced]
        self.cursors = [json.loads(json.dumps(cursor)) for _, cursor in sourced]
        self.by_id = {event.id: event for event in self.events}


def sample(name: str, **options: str) -> Replayed:
    return Replayed(SAMPLES / name, **options)


def written(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def airline_row(number: object, text: str = "late again") -> str:
    return f"{number},Sky North,ada,{text},2015-02-24 11:35:52 -0800\n"
