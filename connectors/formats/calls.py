"""Names, times and columns of calls, in whatever file they come."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from connectors.events import Transcript, Turn
from connectors.formats.complaints import native_id
from connectors.formats.speakers import NO_CUSTOMER, NO_SPEAKER

SPEAKER = (
    *("speaker", "role", "participant", "participant_role", "speaker_role", "speaker_label"),
    *("speaker_name", "speaker_type", "from", "author_type", "author_role", "sender_type"),
    *("sender_role", "participant_purpose", "participant_type", "speaker_id", "participant_name"),
    *("author_name", "sender_name", "sender", "party", "agent_or_customer", "user_type"),
    "direction",
    *("sprecher", "rolle", "locuteur", "hablante", "interlocutor", "parlante", "spreker", "talare"),
)
WORDS = (
    *("text", "utterance", "message", "turn", "content", "transcript", "body", "phrase"),
    *("phrase_text", "sentence", "message_text", "utterance_text", "turn_text", "msg"),
    *("html_body", "plain_body", "body_text", "message_body", "spoken_text", "caption"),
    *("texte", "texto"),
    *("testo", "nachricht", "mensaje"),
)
CALL = (
    *("call_id", "conversation_id", "call", "conversation", "transcript_id", "dialogue_id"),
    *("contact_id", "id"),
)
WHEN = (
    *("occurred_at", "started_at", "date", "timestamp", "created_at", "absolute_time"),
    *("call_date", "call_time", "start_timestamp", "initiation_timestamp", "recorded_at"),
    *("datum", "fecha"),
)
BRAND = ("brand", "company")
MAX_FILE = 1 << 20
SUFFIXES = (".txt", ".vtt", ".srt", ".sbv", ".ass", ".ssa", ".ttml", ".dfxp", ".xml", ".html")
TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
ENDINGS = (*SUFFIXES, *TABLES)


def transcript(
    name: str, call: tuple[Turn, ...], occurred_at: datetime, brand: str | None = None
) -> Transcript:
    """Raises ValueError when neither side speaks, or no id can be made of `name`."""
    if not call:
        raise ValueError(NO_SPEAKER)
    if all(turn.speaker == "agent" for turn in call):
        raise ValueError(NO_CUSTOMER)
    id = f"call:{native_id(name)}"
    return Transcript(id=id, conversation=id, occurred_at=occurred_at, turns=call, brand=brand)


def stem(path: Path) -> str:
    """`12.03.2026_0901` of `12.03.2026_0901.txt`, `call` of `call.csv.gz`."""
    name = Path(path.name.removesuffix(".gz"))
    return name.stem if name.suffix.lower() in ENDINGS else name.name


def content_name(name: str, content: str) -> str:
    """The name of a call that has no id of its own: two calls in files of one name are two, and
    the same one that comes again, in whatever folder, is one.
    """
    digest = sha256(" ".join(content.split()).encode("utf-8", "replace")).hexdigest()
    return f"{name}~{digest[:10]}"


def plain_name(name: str) -> str:
    """The name of content_name() as it was before."""
    before, _, digest = name.rpartition("~")
    return before if before and len(digest) == 10 else name


def file_time(path: Path) -> datetime:
    """The time of the last change: the latest that the call can have been, and always the same."""
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
