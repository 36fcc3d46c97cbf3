"""Calls as other programs export them: every word arrives, with who said it, under its own name."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from connectors.base import FormatError
from connectors.files import BadRow, open_file
from models.calls.sides import sided
from stream.triage.judgement import utterances

HELLO, DEAD, SORRY, CANCEL = (
    "Thank you for calling, how can I help?",
    "My line is dead, nobody came.",
    "I am sorry to hear that.",
    "Then cancel it today!",
)
CALL = [("agent", HELLO), ("customer", DEAD), ("agent", SORRY), ("customer", CANCEL)]

STYLED = "[Script Info]\n\n[Events]\nFormat: Layer, Start, Style, Name, Text\n"
SPOKEN = "Dialogue: 0,0:00:03.24,Default,{},"


def read(path: Path) -> tuple[list[tuple[str, str]], list[BadRow]]:
    """The turns with the sides that their labels or their words show."""
    bad: list[BadRow] = []
    events = [event for event, _ in open_file(path, on_bad_row=bad.append)]
    return [(turn.speaker, turn.text) for call in events for turn in sided(utterances(call))], bad


def ids(path: Path) -> list[str]:
    return [event.id for event, _ in open_file(path, on_bad_row=pytest.fail)]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def lines(agent: str, customer: str, between: str = "\n") -> str:
    """The call in text. agent, customer: what stands before their words."""
    names = {"agent": agent, "customer": customer}
    return between.join(f"{names[side]}{text}" for side, text in CALL) + "\n"


def cues(agent: str, customer: str, *, between: str = "\n\n", arrow: str = " --> ") -> str:
    names = {"agent": agent, "customer": customer}
    blocks = [
        f"00:0{place}.000{arrow}00:0{place + 1}.000\n{names[side]}{text}"
        for place, (side, text) in enumerate(CALL)
    ]
    return "WEBVTT\n\n" + between.join(blocks) + "\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("no_blank_line.vtt", cues("Agent: ", "Customer: ", between="\n")),
        ("two_blank_lines.vtt", cues("Agent: ", "Customer: ", between="\n\n\n")),
        ("no_spaces.vtt", cues("Agent: ", "Customer: ", arrow="-->")),
        ("short_arrow.vtt", cues("Agent: ", "Customer: ", arrow=" -> ")),
        ("pronouns.vtt", cues("Tom Hall (he/him): ", "Jane Roe (she/her): ")),
        ("one_pronoun.vtt", cues("Tom Hall: ", "Jane Roe (they/them): ")),
        ("telephone.vtt", cues("Tom Hall: ", "+1 (415) 555-0100: ")),
        ("bar.vtt", cues("Tom Hall | VoltLine: ", "Jane Roe | Roe Ltd: ")),
        ("quotes.vtt", cues("Tom Hall: ", 'Jane "JR" Roe: ')),
        ("surname_first.vtt", cues("Hall, Tom: ", "Roe, Jane: ")),
        ("role_in_brackets.vtt", cues("Tom Hall (Agent): ", "Jane Roe (Customer): ")),
        ("voice.vtt", cues("<v Tom Hall (VoltLine)>", "<v Jane Roe (Guest)>")),
        ("voice_line.vtt", cues("<v Agent>\n", "<v Customer>\n")),
        ("italics.vtt", cues("<i>Agent:</i> ", "{\\an8}<i>Customer:</i> ")),
        ("own_line.vtt", cues("Tom Hall\n", "Jane Roe\n")),
        ("notes.vtt", cues("Agent: ", "Customer: ", between="\n\nNOTE sure: 0.9\nor so\n\n")),
        ("brackets.txt", lines("[Agent] ", "[Customer] ")),
        ("carets.txt", lines(">> AGENT: ", ">> CUSTOMER: ")),
        ("bold.txt", lines("**Agent:** ", "**Customer:** ")),
        ("numbers.txt", lines("1. Agent: ", "2. Customer: ")),
        ("dashes.txt", lines("Agent - ", "Customer - ")),
        ("tabs.txt", lines("Agent\t", "Customer\t")),
        ("otter.txt", lines("Tom Hall  0:05\n", "Jane Roe  1:00:12\n", "\n\n")),
        ("otter_end.txt", lines("Agent  0:05\n", "Customer  0:12\n") + "Transcribed by otter.ai"),
        ("rev.txt", lines("Speaker 1 (00:05):\n", "Speaker 2 (00:12):\n")),
        ("gong.txt", lines("0:05 | Tom\n", "0:12 | Jane\n")),
        ("zoom.txt", lines("[Tom Hall] 10:05:22\n", "[Jane Roe] 10:05:31\n")),
        ("rule.txt", lines("Agent: ", "Customer: ", "\n--- hold ---\n")),
        ("label_line.vtt", cues("Agent:\n", "Customer:\n")),
        ("masked.vtt", cues("Tom (VoltLine): ", "+44 7700 900***: ")),
        ("round.srt", cues("(Agent) ", "(Customer) ")),
        ("kunde.vtt", cues("Kundenberaterin: ", "Kunde: ")),
        ("client.txt", lines("Conseillère : ", "Cliente : ")),
        ("cliente.txt", lines("Atención al Cliente: ", "Clienta: ")),
        ("klant.txt", lines("Medewerker: ", "Klant: ")),
        ("klient.txt", lines("Konsultant: ", "Klient: ")),
        ("full_width.txt", lines("オペレーター：", "お客様：")),
        ("range.txt", lines("[0:05 --> 0:09] Agent: ", "[0:05 --> 0:09] Customer: ")),
        ("seconds.txt", lines("[5s] Agent: ", "[9.50 - 14.25] Customer: ")),
        ("chat.txt", lines("[12/03/2026, 14:05:01] Agent: ", "[12/03/2026, 14:06:01] Customer: ")),
        ("chat_2.txt", lines("12/03/2026, 14:05 - Tom: ", "12/03/2026, 14:06 - Jane: ")),
        ("iso.txt", lines("2026-03-12T14:05:01Z Agent: ", "2026-03-12T14:05:09Z Customer: ")),
        ("dashes_2.txt", lines("2026-03-12 14:05:01 - Agent - ", "2026-03-12 14:05 - Customer - ")),
        ("bars.txt", lines("0:05 | Agent | ", "0:09 | Customer | ")),
        ("table.txt", lines("| 0:05 | Agent | ", "| 0:09 | Customer | ", " |\n")),
        ("time_behind.txt", lines("Tom Hall (0:05) ", "Jane Roe [2:05 PM]: ")),
        ("headings.txt", lines("### Agent\n", "### Customer\n", "\n\n")),
        ("alone.txt", lines("AGENT\n", "CUSTOMER\n", "\n\n")),
        ("names_alone.txt", lines("Tom Hall\n0:05\n", "Jane Roe\n0:09\n", "\n\n")),
        ("court.txt", lines(" 1  MS. HALL:  ", " 2  MR. ROE:  ")),
        ("number_sign.txt", lines("Agent #1: ", "Customer #1: ")),
        ("one_line.txt", lines("Agent: ", "Customer: ", " ")),
        ("one_line_names.txt", lines("Tom Hall: ", "Jane: ", " ")),
        ("one_line_times.txt", lines("[0:05] Speaker A: ", "[0:09] Speaker B: ", " ")),
        ("wrapped.txt", textwrap.fill(lines("Agent: ", "Caller: ", " "), 45)),
        ("arrows.txt", lines("AGENT >> ", "CALLER >> ")),
        ("equals.txt", lines("Agent = ", "Caller = ")),
        ("addressed.txt", lines("10:05:01\t From Tom to Everyone:\n\t", "10:05:09\t From Jane:\n")),
        ("pressed.txt", lines("( 3s ) Tom: ", "( 12s ) Visitor: ")),
        ("frames.txt", lines("0:00:03:12 - 0:00:06:02\nTom\n", "0:00:07:12 - 0:00:08:02\nJane\n")),
        ("time_in_text.txt", lines("Tom: [0:05] ", "Jane: [0:09] ")),
        ("time_end.txt", lines("Tom: ", "Jane: ", " #00:00:09-4#\n")),
        ("bold.md", "# Call\n\n" + lines("[0:05] **Tom:** ", "[0:09] **Jane:** ")),
        (
            "unseen.txt",
            lines("\u200e[12/03/26, 10:15:01] Tom: ", "\u200e[12/03/26, 10:15:09] Jane: "),
        ),
        (
            "came.txt",
            "(10:14:58 AM) *** Jane came ***\nTom joined the chat\n" + lines("Tom: ", "Jane: "),
        ),
        ("styled.ass", STYLED + lines(SPOKEN.format("Agent"), SPOKEN.format("Caller"))),
    ],
)
def test_every_word_of_a_transcript_arrives_with_who_said_it(tmp_path, name, content):
    assert read(written(tmp_path, name, content)) == (CALL, [])


@pytest.mark.parametrize(
    "company",
    [
        *("Customer Care", "Client Services", "Guest Relations", "Passenger Assistance", "CSR"),
        *("Customer Success Manager", "Member Engagement", "User Operations", "Cust Svc"),
        *("Customer Kindness", "Guest Recovery"),  # no list has these: the caller's label shows it
    ],
)
@pytest.mark.parametrize("caller", ["Jane Roe", "Customer"])
def test_the_company_of_a_customer_is_not_the_customer(tmp_path, company, caller):
    path = written(tmp_path, "call.txt", lines(f"{company}: ", f"{caller}: "))

    assert read(path) == (CALL, [])


@pytest.mark.parametrize(
    ("name", "content", "customer"),
    [
        (
            "empty_line.srt",
            "1\n00:00:01,000 --> 00:00:02,000\nCustomer: My line\n\nis dead.\n\n"
            "2\n00:00:03,000 --> 00:00:04,000\nCustomer: Bye.\n",
            "My line is dead. Bye.",
        ),
        (
            "arrow_in_words.vtt",
            "WEBVTT\n\n00:01.000 --> 00:02.000\nCustomer: It goes A --> B.\n"
            "00:03.000 --> 00:04.000\nCustomer: Bye.\n",
            "It goes A --> B. Bye.",
        ),
        (
            "number_said.vtt",
            "WEBVTT\n\n00:01.000 --> 00:02.000\nCustomer: My number is\n4711\n\n"
            "00:03.000 --> 00:04.000\nCustomer: Bye.\n",
            "My number is 4711 Bye.",
        ),
        (
            "named_cues.vtt",
            "WEBVTT\n\nf7e8/1-0\n00:01.000 --> 00:02.000\n<v Customer>Hi.</v>\n\n"
            "f7e8/2-0\n00:03.000 --> 00:04.000\n<v Customer>Bye.</v>\n",
            "Hi. Bye.",
        ),
        (
            "one_cue.vtt",
            "WEBVTT\n\n00:01.000 --> 00:02.000\n- Agent: Hello.\n- Customer: Hi, my line"
            "\nis dead.\n",
            "Hi, my line is dead.",
        ),
        ("digits.txt", "Customer: My number is\n4711\nAgent: Yes.\n", "My number is 4711"),
        (
            "goes_on.txt",
            "Customer: I told your supervisor,\nthe manager: nobody helped.\nAgent: Sorry.\n",
            "I told your supervisor, the manager: nobody helped.",
        ),
        (
            "panel.txt",
            "Customer: My panel shows this:\nSystem: fault\nand rings.\nAgent: Sorry.\n",
            "My panel shows this: System: fault and rings.",
        ),
    ],
)
def test_no_word_of_a_customer_is_lost_or_given_to_the_agent(tmp_path, name, content, customer):
    turns, bad = read(written(tmp_path, name, content))

    assert " ".join(text for side, text in turns if side == "customer") == customer
    assert bad == []


def test_words_before_the_first_speaker_are_told(tmp_path):
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nThis call is recorded.\n\n"
    text += "00:03.000 --> 00:04.000\nCustomer: Hello?\n"

    turns, bad = read(written(tmp_path, "call.vtt", text))

    assert turns == [("customer", "Hello?")]
    assert [row.reason for row in bad] == [
        "call.vtt: 4 words before the first speaker are nobody's"
    ]


SIDES = {"agent": "AGENT", "customer": "CUSTOMER"}
NUMBERS = {"agent": 0, "customer": 1}
PARTICIPANTS = [
    {"ParticipantId": "A1", "ParticipantRole": "AGENT"},
    {"ParticipantId": "C1", "ParticipantRole": "CUSTOMER"},
]


def said(**names: str) -> list[dict[str, object]]:
    """The call as a list. names: of the speaker, and of the words, in the words of the program."""
    return [{names["who"]: NUMBERS[side], names["what"]: text} for side, text in CALL]


def word_list(what: str) -> list[dict[str, object]]:
    words = [(NUMBERS[side], word) for side, text in CALL for word in text.split()]
    return [{what: word, "start": place, "speaker": by} for place, (by, word) in enumerate(words)]


def transcribe_items() -> list[dict[str, object]]:
    return [
        {"speaker_label": f"spk_{NUMBERS[side]}", "alternatives": [{"content": word}]}
        for side, text in CALL
        for word in text.replace(".", " .").replace(",", " ,").split()
    ]


OTHER_NAMES = {"agent": "admin", "customer": "user"}
WAYS = {"agent": "outbound", "customer": "inbound"}


def spaced_words() -> list[dict[str, object]]:
    words = [
        {"text": word["text"], "speaker_id": f"s{word['speaker']}"} for word in word_list("text")
    ]
    return [part for word in words for part in (word, word | {"text": " "})]


def with_speaker_within(word: dict[str, object]) -> dict[str, object]:
    speaker = f"S{word['speaker']}"
    likeliest = {"content": word["content"], "speaker": speaker}
    return {
        "alternatives": [likeliest, {"content": "no", "speaker": speaker}],
        "start": word["start"],
    }


def words_of_results() -> list[list[dict[str, object]]]:
    """As recognisers give them: a result a sentence, each with its own words."""
    return [
        [{"word": word, "speakerLabel": f"{NUMBERS[side]}"} for word in text.split()]
        for side, text in CALL
    ]


def words_of_channels() -> list[list[dict[str, object]]]:
    """A channel a side, whose words do not say who speaks."""
    return [
        [
            {"word": word["word"], "start": word["start"]}
            for word in word_list("word")
            if word["speaker"] == number
        ]
        for number in (0, 1)
    ]


def results_with_times() -> list[dict[str, object]]:
    times = [[word["text"], word["start"], 0] for word in word_list("text")]
    return [{"alternatives": [{"transcript": "all", "timestamps": times}]}]


def speakers_of_times() -> list[dict[str, object]]:
    return [{"from": word["start"], "speaker": word["speaker"]} for word in word_list("text")]


@pytest.mark.parametrize(
    "document",
    [
        {
            "Participants": PARTICIPANTS,
            "Transcript": [
                {"ParticipantId": f"{SIDES[side][0]}1", "Content": text} for side, text in CALL
            ],
        },
        {"Transcript": [{"ParticipantRole": SIDES[side], "Content": text} for side, text in CALL]},
        {
            "Segments": [
                {"Transcript": {"ParticipantRole": SIDES[side], "Content": text}}
                for side, text in CALL
            ]
        },
        {"results": {"utterances": said(who="speaker", what="transcript")}},
        {"results": {"channels": [{"alternatives": [{"words": word_list("punctuated_word")}]}]}},
        {"results": {"items": transcribe_items(), "transcripts": [{"transcript": "all"}]}},
        {"utterances": said(who="speaker", what="text"), "words": word_list("text")},
        {"segments": said(who="speaker", what="text"), "language": "en"},
        {"sentences": said(who="media_channel", what="transcript")},
        {
            "monologues": [
                {"speaker": NUMBERS[side], "elements": [{"type": "text", "value": text}]}
                for side, text in CALL
            ]
        },
        {
            "recognizedPhrases": [
                {"channel": NUMBERS[side], "nBest": [{"display": text}, {"display": "no"}]}
                for side, text in CALL
            ]
        },
        {"words": spaced_words()},
        {"results": [with_speaker_within(word) for word in word_list("content")]},
        {"results": [{"alternatives": [{"words": words}]} for words in words_of_results()]},
        {"results": {"channels": [{"alternatives": [{"words": w}]} for w in words_of_channels()]}},
        {"results": results_with_times(), "speaker_labels": speakers_of_times()},
        {"response": {"utterances": said(who="speakerId", what="text")}},
        {
            "conversation_parts": [
                {"author": {"type": OTHER_NAMES[side], "name": "X"}, "body": f"<p>{text}</p>"}
                for side, text in CALL
            ]
        },
        {"transcription": lines("Agent: ", "Caller: ")},
        {"chat": [{"direction": WAYS[side], "msg": text} for side, text in CALL], "id": "x"},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_the_json_of_other_programs_is_a_call(tmp_path, document, indent):
    assert read(written(tmp_path, "x.json", json.dumps(document, indent=indent))) == (CALL, [])


def test_a_turn_a_line_of_json_is_the_call_that_it_names(tmp_path):
    rows = [{"call_id": "q1", "speaker": side, "text": text} for side, text in CALL]
    other = [{"call_id": "q2", "speaker": "customer", "text": "My bill is wrong."}]
    content = "\n".join(map(json.dumps, [*rows, *other]))

    turns, bad = read(written(tmp_path, "x.jsonl", content))

    assert (turns, bad) == ([*CALL, ("customer", "My bill is wrong.")], [])
    assert ids(tmp_path / "x.jsonl") == ["call:q1", "call:q2"]


def test_a_caption_named_after_its_speaker_is_theirs(tmp_path):
    names = {"agent": "Tom Hall", "customer": "Jane Roe"}
    blocks = [
        f'{place} "{names[side]}" (4711)\n00:0{place}.000 --> 00:0{place}.900\n{text}\n'
        for place, (side, text) in enumerate(CALL)
    ]

    assert read(written(tmp_path, "x.vtt", "WEBVTT\n\n" + "\n".join(blocks))) == (CALL, [])


def test_a_clock_in_a_table_of_turns_is_a_place_in_the_call(tmp_path):
    rows = [f"0:0{place}\t{SIDES[side]}\t{text}" for place, (side, text) in enumerate(CALL)]

    path = written(tmp_path, "x.tsv", "\n".join(["Timestamp\tSpeaker\tText", *rows]))

    assert read(path) == (CALL, [])
    [(call, _)] = open_file(path, on_bad_row=pytest.fail)
    assert [turn.at for turn in call.turns] == [0.0, 1.0, 2.0, 3.0]


def test_json_on_one_line_is_no_table(tmp_path):
    path = written(tmp_path, "x.json", '{"id": 1, "text": "My line is dead.", "more": 2}\n')

    with pytest.raises(FormatError, match="the format is not recognised"):
        open_file(path, on_bad_row=pytest.fail)


def test_milliseconds_under_the_names_of_seconds_are_seconds(tmp_path):
    said = [
        {"speaker": "A", "start": 250, "text": HELLO},
        {"speaker": "B", "start": 61000, "text": DEAD},
    ]
    path = written(tmp_path, "x.json", json.dumps({"id": "x", "utterances": said}, indent=1))

    [(call, _)] = open_file(path, on_bad_row=pytest.fail)

    assert [turn.at for turn in call.turns] == [0.25, 61.0]


def test_columns_in_camel_case_are_those_of_a_call(tmp_path):
    rows = [f'q1,{SIDES[side]},"{text}",2026-03-12T09:00:00Z' for side, text in CALL]
    path = written(
        tmp_path, "x.csv", "\n".join(["ContactId,ParticipantRole,Content,AbsoluteTime", *rows])
    )

    assert read(path) == (CALL, [])
    [(call, _)] = open_file(path, on_bad_row=pytest.fail)
    assert (call.id, call.occurred_at.isoformat()) == ("call:q1", "2026-03-12T09:00:00+00:00")


def test_two_calls_under_one_name_are_two_and_the_same_call_again_is_one(tmp_path):
    monday = written(tmp_path, "monday/001.txt", "Customer: My bill is wrong.\n")
    tuesday = written(tmp_path, "tuesday/001.txt", "Customer: My mother fell.\n")
    again = written(tmp_path, "copy/001.txt", "Customer: My bill is wrong.\r\n")

    assert ids(monday) != ids(tuesday)
    assert ids(again) == ids(monday) == ids(monday.parent)
    assert set(ids(tmp_path)) == {*ids(monday), *ids(tuesday)}


def test_a_name_with_dots_is_a_whole_name(tmp_path):
    paths = [
        written(tmp_path, f"12.03.2026_{clock}.txt", "Customer: Hi.\n")
        for clock in ("0901", "0917")
    ]

    assert [id.partition("~")[0] for path in paths for id in ids(path)] == [
        "call:12.03.2026_0901",
        "call:12.03.2026_0917",
    ]


def test_a_call_id_that_is_missing_joins_no_rows(tmp_path):
    table = "call_id,speaker,text\nNA,customer,hello\nNA,customer,other\n7,customer,hi\n"
    bad: list[BadRow] = []
    path = written(tmp_path, "x.csv", table)

    assert [event.id for event, _ in open_file(path, on_bad_row=bad.append)] == ["call:7"]
    assert [(row.line, row.reason) for row in bad] == [
        (2, "has no call id"),
        (3, "has no call id"),
    ]


WORDLESS = [{"wer": side, "gesagt": text} for side, text in CALL]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("keys.json", json.dumps(WORDLESS)),
        ("keys.jsonl", "\n".join(map(json.dumps, WORDLESS))),
        ("within.json", json.dumps({"id": "c1", "x": {"rows": WORDLESS}})),
        ("numbered.json", json.dumps({str(place): turn for place, turn in enumerate(WORDLESS)})),
        ("pairs.json", json.dumps([{side: text} for side, text in CALL])),
        ("lists.json", json.dumps(CALL)),
        ("columns.json", json.dumps({"wer": [a for a, _ in CALL], "was": [b for _, b in CALL]})),
        ("names.csv", "Wer;Was\n" + "".join(f'{side};"{text}"\n' for side, text in CALL)),
        ("no_names.csv", "".join(f'0:05,{side},"{text}"\n' for side, text in CALL)),
    ],
)
def test_turns_are_known_by_what_stands_in_them_under_any_name(tmp_path, name, content):
    assert read(written(tmp_path, name, content)) == (CALL, [])


def test_a_rating_that_takes_turns_makes_no_call_of_a_table(tmp_path):
    rows = [("good", DEAD), ("bad", CANCEL), ("good", HELLO), ("bad", SORRY)]
    content = "stars,text\n" + "".join(f'{stars},"{text}"\n' for stars, text in rows)
    path = written(tmp_path, "ratings.csv", content)
    assert [event.kind for event, _ in open_file(path, on_bad_row=pytest.fail)] == ["complaint"] * 4


def test_words_of_transcribe_find_their_speakers_in_the_segments_beside_them(tmp_path):
    items, segments, at = [], [], 0
    for side, text in CALL:
        segment = []
        for word in text.rstrip(".?!").split():
            at += 1
            items.append({"start_time": str(at), "alternatives": [{"content": word}]})
            segment.append({"start_time": str(at), "speaker_label": f"spk_{side}"})
        items.append({"alternatives": [{"content": text[-1]}], "type": "punctuation"})
        segments.append({"items": segment})
    document = {"results": {"speaker_labels": {"segments": segments}, "items": items}}
    assert read(written(tmp_path, "t.json", json.dumps(document))) == (CALL, [])


def test_the_side_is_told_by_who_says_your_and_who_says_my(tmp_path):
    call = [
        ("agent", "Emergency line, what is your address?"),
        ("customer", "14 Mill Lane. It smells of gas and my daughter feels sick."),
        ("agent", "Please open your windows."),
        ("customer", "I did."),
    ]
    names = {"agent": "Speaker 1", "customer": "Speaker 2"}
    content = "\n".join(f"{names[side]}: {text}" for side, text in call)
    sides = [side for side, _ in read(written(tmp_path, "gas.txt", content))[0]]
    assert sides == ["agent", "customer", "agent", "customer"]


def raised(row: BadRow) -> None:
    raise AssertionError(row.reason)


@pytest.mark.parametrize(
    ("name", "content", "kinds"),
    [
        (
            "calls.csv",
            "conversation_id,direction,text\n1,inbound,my bag is lost\n1,outbound,which flight?\n"
            "2,inbound,no refund yet\n2,outbound,I will look\n",
            ["transcript"] * 2,
        ),
        (
            "call.json",
            '{"id": "1", "messages": [{"direction": "inbound", "text": "my bag is lost"},'
            ' {"direction": "outbound", "text": "which flight?"}]}',
            ["transcript"],
        ),
        (
            "letters.csv",
            "t,n,text\n10:00,Ann,my bag is lost\n10:05,Ben,no refund yet\n",
            ["complaint"] * 2,
        ),
    ],
)
def test_a_direction_says_who_speaks_and_a_letter_does_not(tmp_path, name, content, kinds):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")

    events = list(open_file(path, on_bad_row=raised))
    assert [sourced.event.kind for sourced in events] == kinds
