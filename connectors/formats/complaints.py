"""Complaints as CSV: any table with a column of free text, such as those of FCC and CFPB."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from string import punctuation
from urllib.parse import quote

from connectors.events import Complaint
from connectors.formats.rows import Doubtful, first_of, present
from connectors.formats.times import NO_DATE, doubt, written_time
from connectors.markup import is_markup, plain

TEXT = (
    *("complaint_text", "consumer_complaint_narrative", "complaint_narrative", "narrative", "text"),
    *("complaint", "complaint_description", "description", "customer_complaint", "message", "body"),
    *("review_text", "review_body", "review", "comment_text", "comment", "comments", "full_text"),
    *("tweet_text", "tweet", "post_text", "post", "message_body", "message_text", "body_text"),
    *("customer_message", "ticket_description", "issue_description", "content", "feedback"),
    *("feedback_text", "verbatim", "verbatim_comment", "customer_comment", "customer_feedback"),
    *("remarks", "details", "complaint_details", "caption"),
)
ID = ("complaint_id", "ticket", "ticket_id", "case_id", "case_number", "review_id", "id")
TITLE = ("title", "subject", "issue", "topic")
DATE = (
    *("date", "date_received", "received", "created_at", "created", "submitted_at"),
    *("complaint_date", "timestamp", "occurred_at", "date_submitted", "created_time"),
    *("date_created", "created_on", "created_date", "submitted", "submission_date"),
    *("submitted_on", "received_at", "received_date", "opened_at", "opened", "date_opened"),
    *("reported_at", "report_date", "posted_at", "post_date", "published_at", "review_date"),
    *("review_time", "event_time", "datetime", "date_time", "time", "sent_at", "ticket_created"),
)
CLOCK = "time_of_day"  # where it stands apart from the date
BRAND = ("brand", "company", "company_name")
AUTHOR = ("author", "customer", "customer_id", "user", "name")
_TIME_WORDS = frozenset(
    (
        *("date", "datetime", "time", "timestamp", "created", "submitted", "posted", "ts", "when"),
        *("datum", "eingangsdatum", "erstellungsdatum", "erstellt", "fecha", "dato", "дата"),
        *("zeitpunkt", "日期", "日付", "作成日", "날짜"),
    )
)
# Of a text, in a name that we do not know as a whole: `review_content`, `testo_del_reclamo`.
_TEXTS = """text texts comment comments content message messages description feedback complaint
review narrative body verbatim remarks beschreibung nachricht kommentar beschwerde anliegen
beschwerdetext texte commentaire commentaires réclamation avis mensaje comentario comentarios
queja reclamo reclamación descripción opinión testo commento messaggio descrizione mensagem
comentário reclamação descrição klacht opmerking opmerkingen bericht omschrijving meddelande
klagomål beskrivning klage treść opis komentarz wiadomość skarga reklamacja сообщение текст
комментарий отзыв жалоба 内容 评论 コメント 本文 내용"""
_OTHER_TEXTS = """id no nr number date time created count type status title subject rating stars
score user name author by language lang category url link code channel source length"""
_TEXT_WORDS, _NO_TEXT = frozenset(_TEXTS.split()), frozenset(_OTHER_TEXTS.split())
# Of what became of it, or of somebody's birth.
_OTHER = """birth closed completed due duration end first last modified resolution resolved response
sla spent type updated zone"""
_OTHER_TIMES = frozenset(_OTHER.split())


def recognises(names: Sequence[str]) -> bool:
    return text_column(names) is not None


def text_column(names: Sequence[str]) -> int | None:
    """The column of the text: by a name that we know, or else by the words of its name."""
    known = first_of(names, TEXT)
    if known is not None:
        return known
    words = [frozenset(name.split("_")) for name in names]
    return next(
        (at for at, name in enumerate(words) if name & _TEXT_WORDS and not name & _NO_TEXT), None
    )


def date_column(names: Sequence[str]) -> int | None:
    """The column of the time: by a name that we know, or else by the words of its name."""
    known = first_of(names, DATE)
    if known is not None:
        return known
    words = [frozenset(name.split("_")) for name in names]
    # `data` is the date of Romance and Slavic languages.
    times = _TIME_WORDS if first_of(names, TEXT) is not None else _TIME_WORDS | {"data"}
    return next(
        (at for at, name in enumerate(words) if name & times and not name & _OTHER_TIMES), None
    )


def complaint(
    names: Sequence[str], undated: datetime, day_first: bool | None = None
) -> Callable[[list[str]], Complaint]:
    """Rows of any complaints table.

    The id is the row's own, or else a hash of text, date, title, author and brand, so that a second
    replay doubles nothing. undated: the time of a row without a date; the file's own time is the
    latest possible one.
    """
    id_, title_, brand_, author_ = (
        first_of(names, candidates) for candidates in (ID, TITLE, BRAND, AUTHOR)
    )
    text_, date_, clock_ = text_column(names), date_column(names), first_of(names, (CLOCK,))

    def complaint_of(row: list[str]) -> Complaint:
        def value(column: int | None) -> str:
            return present(row[column]) if column is not None else ""

        text, title, date, brand, author = (
            value(column) for column in (text_, title_, date_, brand_, author_)
        )
        if not text:
            raise ValueError("has no text")
        date = f"{date} {value(clock_)}".strip() if date else ""
        id = f"complaints:{native_id(value(id_)) or fingerprint(text, date, title, author, brand)}"
        text = plain(text) if is_markup(text) else text
        moment, fault = _moment(date, day_first) if date else (undated, None)
        complaint = Complaint(
            id=id,
            conversation=id,
            occurred_at=undated if fault else moment,
            title=title[:300] or None,
            brand=brand or None,
            author=author or None,
            text=text,
        )
        if fault:
            raise Doubtful(complaint, f"the date {date[:40]!r} {fault}; the file's time is taken")
        return complaint

    return complaint_of


def _moment(date: str, day_first: bool | None) -> tuple[datetime, str | None]:
    """The moment, and what is wrong with it: then it is of no use."""
    try:
        moment = written_time(date, day_first=day_first)
    except ValueError:
        return datetime.max, NO_DATE
    return moment, doubt(moment, datetime.now(UTC))


def native_id(id: str) -> str:
    """The id as a part of an event's id: other letters than printable ASCII as %20, a long one as
    a hash.
    """
    quoted = quote(id, safe=punctuation)
    return quoted if len(quoted) <= 200 else fingerprint(id)


def fingerprint(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()[:16]
