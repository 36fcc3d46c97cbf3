"""Calls in JSON whose turns name their speaker by an id, an object or a flag: nobody is swapped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.files import open_file

OPEN, BROKEN, WEEKS, SEND = (
    "Thank you for your patience, what is wrong?",
    "The oven you sold me trips the fuse.",
    "I have waited three weeks.",
    "I will send somebody tomorrow.",
)
CALL = [("agent", OPEN), ("customer", BROKEN), ("customer", WEEKS), ("agent", SEND)]
SAID = [("agent", OPEN), ("customer", f"{BROKEN} {WEEKS}"), ("agent", SEND)]
NAMED = [("Ola Berg", OPEN), ("Mia Falk", f"{BROKEN} {WEEKS}"), ("Ola Berg", SEND)]
NAMES = {"agent": "Ola Berg", "customer": "Mia Falk"}
IDS = {"agent": "u7", "customer": "u9"}


def heard(folder: Path, document: Any) -> list[tuple[str, str]]:
    """The turns by side, or by name where no side is named; those that follow are one."""
    path = folder / "call.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    [event] = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]
    assert event.kind == "transcript"
    turns: list[tuple[str, str]] = []
    for turn in event.turns:
        who = str(turn.name) if turn.speaker == "unknown" else turn.speaker
        if turns and turns[-1][0] == who:
            turns[-1] = (who, f"{turns[-1][1]} {turn.text}")
        else:
            turns.append((who, turn.text))
    return turns


def each(turn: Callable[[int, str, str], Any], call: list[tuple[str, str]] = CALL) -> list[Any]:
    return [turn(place, side, text) for place, (side, text) in enumerate(call)]


@pytest.mark.parametrize(
    "document",
    [
        {
            "Participants": [
                {"ParticipantId": "u7", "ParticipantRole": "AGENT"},
                {"ParticipantId": "u9", "ParticipantRole": "CUSTOMER"},
            ],
            "Transcript": each(lambda n, who, text: {"Content": text, "ParticipantId": IDS[who]}),
        },
        {
            "users": [{"id": "u9", "type": "customer"}, {"id": "u7", "type": "agent"}],
            "thread": {
                "events": each(lambda n, who, text: {"id": n, "text": text, "author_id": IDS[who]})
            },
        },
        {
            "parties": [
                {"speakerId": "u7", "affiliation": "Internal", "name": "Ola Berg"},
                {"speakerId": "u9", "affiliation": "External", "name": "Mia Falk"},
            ],
            "transcript": each(
                lambda n, who, text: {"speakerId": IDS[who], "sentences": [{"text": text}]}
            ),
        },
        {
            "speakers": {"u7": "Agent", "u9": "Customer"},
            "segments": each(lambda n, who, text: {"speaker": IDS[who], "start": n, "text": text}),
        },
        {
            "ticket": {"id": 5, "requester_id": "u9"},
            "users": [{"id": "u7", "role": "agent"}, {"id": "u9", "role": "end-user"}],
            "comments": each(
                lambda n, who, text: {"id": n, "author_id": IDS[who], "body": text, "public": True}
            ),
        },
    ],
)
def test_an_id_beside_the_words_is_whom_the_file_names_elsewhere(
    tmp_path: Path, document: Any
) -> None:
    assert heard(tmp_path, document) == SAID


@pytest.mark.parametrize(
    "turn",
    [
        lambda n, who, text: {"speaker": {"display_name": NAMES[who]}, "text": text},
        lambda n, who, text: {
            "id": n,
            "from": {"application": None, "user": {"displayName": NAMES[who]}},
            "body": {"contentType": "html", "content": f"<p>{text}</p>"},
        },
        lambda n, who, text: {"participant": {"user": {"name": NAMES[who]}}, "text": text},
        lambda n, who, text: {"sender": {"fullName": NAMES[who]}, "message": text},
        lambda n, who, text: {"author": {"username": NAMES[who], "avatar": None}, "text": text},
    ],
)
def test_an_object_beside_the_words_is_named_as_it_says(
    tmp_path: Path, turn: Callable[[int, str, str], Any]
) -> None:
    assert heard(tmp_path, {"value": each(turn)}) == NAMED


@pytest.mark.parametrize(
    "turn",
    [
        lambda n, who, text: {"is_agent": who == "agent", "text": text},
        lambda n, who, text: {"fromCustomer": who == "customer", "text": text},
        lambda n, who, text: {"incoming": who == "customer", "body_text": text, "user_id": 7},
        lambda n, who, text: {"outbound": who == "agent", "message": text},
        lambda n, who, text: {"fromMe": who == "agent", "text": text, "id": n},
    ],
)
def test_a_flag_says_whose_words_those_are(
    tmp_path: Path, turn: Callable[[int, str, str], Any]
) -> None:
    assert heard(tmp_path, {"messages": each(turn)}) == SAID


@pytest.mark.parametrize(
    "turn",
    [
        lambda n, who, text: {"speaker": who, "text": text, "is_bot": False},
        lambda n, who, text: {"author": who, "text": text, "isInternal": False},
        lambda n, who, text: {"sender": {"type": who}, "text": text, "is_admin": False},
        lambda n, who, text: {"user": who, "text": text, "is_staff": False},
        lambda n, who, text: {"user_id": IDS[who], "text": text, "is_bot": False},
        lambda n, who, text: {"from": who, "text": text, "incoming": who == "agent"},
        lambda n, who, text: (
            {"text": text, "is_agent": False, "is_bot": True}
            if who == "agent"
            else {"text": text, "is_agent": False}
        ),
        lambda n, who, text: {"text": text, "is_bot": who == "agent"},
    ],
)
def test_a_flag_that_is_not_set_takes_nobodys_side_away(
    tmp_path: Path, turn: Callable[[int, str, str], Any]
) -> None:
    users = [{"id": "u7", "role": "agent"}, {"id": "u9", "role": "customer"}]
    assert heard(tmp_path, {"messages": each(turn), "users": users}) == SAID


@pytest.mark.parametrize("flag", ["is_bot", "is_guest", "is_member", "is_verified_buyer"])
def test_who_is_no_guest_and_no_bot_keeps_the_name(tmp_path: Path, flag: str) -> None:
    turns = each(lambda n, who, text: {"sender": NAMES[who], "text": text, flag: False})

    assert heard(tmp_path, {"turns": turns}) == NAMED


@pytest.mark.parametrize(
    "document",
    [
        {
            "id": "33",
            "source": {"body": f"<p>{BROKEN}</p>", "author": {"type": "user", "name": "Mia"}},
            "conversation_parts": {
                "conversation_parts": each(
                    lambda n, who, text: {
                        "body": f"<p>{text}</p>",
                        "author": {"type": "admin" if who == "agent" else "user"},
                    },
                    CALL[2:],
                )
            },
        },
        {
            "id": 5,
            "subject": "Oven",
            "description": f"<div>{BROKEN}</div>",
            "description_text": BROKEN,
            "created_at": "2026-03-12T14:05:00Z",
            "conversations": each(
                lambda n, who, text: {"id": n, "incoming": who == "customer", "body_text": text},
                CALL[2:],
            ),
        },
    ],
)
def test_the_first_message_of_a_conversation_stands_above_its_answers(
    tmp_path: Path, document: Any
) -> None:
    assert heard(tmp_path, document) == SAID[1:]


@pytest.mark.parametrize(
    "document",
    [
        {"segments": each(lambda n, who, text: {"start": n * 3.5, "text": text, "speaker": who})},
        {
            "text": "all of it",
            "segments": each(
                lambda n, who, text: {"id": f"s{n}", "start": n, "text": text, "speaker": who}
            ),
        },
        {
            "results": {
                "audio_segments": each(
                    lambda n, who, text: {
                        "id": n,
                        "start_time": str(n),
                        "transcript": text,
                        "speaker_label": who,
                    }
                )
            }
        },
    ],
)
def test_turns_with_a_place_in_the_call_are_no_table_however_few_they_are(
    tmp_path: Path, document: Any
) -> None:
    assert heard(tmp_path, document) == SAID


def test_messages_of_many_customers_stay_messages_with_or_without_a_flag(tmp_path: Path) -> None:
    messages = [
        {
            "id": n,
            "author": {"name": f"Ann {n}"},
            "incoming": n % 2 == 0,
            "text": f"My oven {n} is cold",
        }
        for n in range(4)
    ]
    path = tmp_path / "messages.json"
    path.write_text(json.dumps(messages))

    events = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]

    assert [event.kind for event in events] == ["complaint"] * 4
    assert [event.author for event in events] == ["Ann 0", "Ann 1", "Ann 2", "Ann 3"]


def message(n: int, **fields: Any) -> dict[str, Any]:
    return {"id": n, "created_at": f"2026-03-1{n}", "text": f"My oven {n} is cold", **fields}


@pytest.mark.parametrize(
    "document",
    [
        [message(n, user={"name": ("Ann", "Bob")[n % 2]}) for n in range(4)],
        {
            "messages": [message(n, user_id=5 + n % 2) for n in range(4)],
            "users": [{"id": 5, "name": "Ann"}, {"id": 6, "name": "Bob"}],
        },
        {"messages": [message(n, author={"displayName": "AB"[n % 2]}) for n in range(4)]},
        {"reviews": [message(n, is_verified_buyer=n % 2 == 0) for n in range(4)]},
        {"reviews": [message(n, is_guest=n % 2 == 0) for n in range(4)]},
    ],
)
def test_customers_who_write_again_are_no_call(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "messages.json"
    path.write_text(json.dumps(document))

    events = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]

    assert [(event.kind, event.text) for event in events] == [
        ("complaint", f"My oven {n} is cold") for n in range(4)
    ]


@pytest.mark.parametrize("ids", [["1"], ["1", "2"], ["a", "b", "c"]])
@pytest.mark.parametrize("way", [{"direction": "inbound"}, {"speaker_id": "u7"}, {}])
@pytest.mark.parametrize("list_name", ["calls", "conversations"])
def test_calls_with_their_turns_in_one_text_are_calls_and_no_turns(
    tmp_path: Path, ids: list[str], way: dict[str, str], list_name: str
) -> None:
    calls = [
        {"call_id": id, **way, "transcript": f"Agent: {OPEN}\nCustomer: {BROKEN} {id}"}
        for id in ids
    ]
    path = tmp_path / "calls.json"
    path.write_text(json.dumps({list_name: calls}))

    events = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]

    assert [[(turn.speaker, turn.text) for turn in event.turns] for event in events] == [
        [("agent", OPEN), ("customer", f"{BROKEN} {id}")] for id in ids
    ]


def test_a_record_separator_before_each_call_is_no_part_of_it(tmp_path: Path) -> None:
    turns = each(lambda n, who, text: {"speaker": who, "text": text})
    path = tmp_path / "calls.json"
    path.write_text("".join(f"\x1e{json.dumps({'id': n, 'turns': turns})}\n" for n in (1, 2)))

    events = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]

    assert [event.id for event in events] == ["call:1", "call:2"]


def test_a_style_of_captions_is_the_speaker_where_no_name_is_given(tmp_path: Path) -> None:
    lines = (f"Dialogue: 0:00:0{n}.00,{who.title()},{text}" for n, (who, text) in enumerate(CALL))
    path = tmp_path / "call.ass"
    path.write_text("[Script Info]\n\n[Events]\nFormat: Start, Style, Text\n" + "\n".join(lines))

    [event] = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]

    assert [(turn.speaker, turn.text) for turn in event.turns] == SAID


@pytest.mark.parametrize(
    ("agent", "customer", "first"),
    [
        ("Conseiller :", "Client :", "Bonjour, comment puis-je vous aider ?"),
        ("Agent:", "Customer:", "Hello, text me what is wrong"),
        ("Berater:", "Kunde:", "Guten Tag, Nachricht erhalten"),
        ("Asesor:", "Cliente:", "Hola, mensaje recibido"),
        ("[0:01] Agent:", "[0:04] Caller:", "Thanks, message received"),
    ],
)
def test_a_greeting_with_a_word_of_tables_and_a_comma_begins_a_call(
    tmp_path: Path, agent: str, customer: str, first: str
) -> None:
    path = tmp_path / "call.txt"
    path.write_text(f"{agent} {first}\n{customer} {BROKEN}\n{agent} {SEND}\n", encoding="utf-8")

    [event] = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]

    assert [turn.text for turn in event.turns] == [first, BROKEN, SEND]


@pytest.mark.parametrize(
    ("agent", "customer"),
    [("🤖 Bot", "👤 User"), ("👩‍💼 Agent", "🙍 Caller"), ("☎️ Operator", "❓ Customer")],
)
def test_a_picture_before_a_label_is_no_part_of_it(
    tmp_path: Path, agent: str, customer: str
) -> None:
    path = tmp_path / "call.txt"
    path.write_text(f"{agent}: {OPEN}\n{customer}: {BROKEN}\n", encoding="utf-8")

    [event] = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]

    assert [(turn.speaker, turn.text) for turn in event.turns] == CALL[:2]


@pytest.mark.parametrize(
    ("out", "into"), [("outbound", "inbound"), ("sent", "received"), ("OUT", "IN")]
)
def test_the_way_of_a_message_in_a_table_is_its_side(tmp_path: Path, out: str, into: str) -> None:
    path = tmp_path / "chat.csv"
    rows = (f'5,{out if who == "agent" else into},"{text}"' for who, text in CALL)
    path.write_text("conversation_id,direction,body\n" + "\n".join(rows))

    [event] = [event for event, _ in open_file(path, on_bad_row=pytest.fail)]

    assert [(turn.speaker, turn.text) for turn in event.turns] == CALL
