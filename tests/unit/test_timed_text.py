"""Captions and transcripts in XML: TTML, DFXP and elements that name their speakers."""

from __future__ import annotations

import pytest

from connectors.base import FormatError
from connectors.files import BadRow, open_file
from connectors.formats.captions import captions

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"
    xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25" ttp:tickRate="100">
<head><metadata>
<ttm:agent xml:id="a" type="person"><ttm:name type="full">Tom Hall</ttm:name></ttm:agent>
<ttm:agent xml:id="c" type="person"><ttm:name type="full">Jane Roe</ttm:name></ttm:agent>
</metadata></head>
"""
TOM, JANE = "Good morning, how can I help?", "The lift is stuck. My son is in it!"
BODIES = {
    "agents of the head": f"""<body><div><p begin="00:00:01.000" end="00:00:03.000" ttm:agent="a">
        {TOM}</p><p begin="00:00:04.500" end="00:00:06" ttm:agent="c">The lift is stuck.<br/>My son
        is in it!</p></div></body></tt>""",
    "agents of the parts": f"""<body><div ttm:agent="a"><p begin="1s" dur="2s">{TOM}</p></div>
        <div ttm:agent="c"><p begin="4.5s" dur="2s"><span>The lift is stuck. </span><span>My son is
        in it!</span></p></div></body></tt>""",
    "an agent of a span": f"""<body><div><p begin="100t"><span ttm:agent="a">{TOM}</span></p>
        <p begin="450t"><span ttm:agent="c">{JANE}</span></p></div></body></tt>""",
    "labels": f"""<body><div><p begin="00:00:01:00">Tom Hall: {TOM}</p>
        <p begin="00:00:04:12"><span tts:color="red" xmlns:tts="x">Jane Roe:</span> {JANE}</p>
        <p begin="8000ms">Tom Hall: </p></div></body></tt>""",
    "two in one caption": f"""<body><div><p begin="1s" end="6s">Tom Hall: {TOM}<br/>Jane Roe:
        {JANE}</p><p begin="7s"><!-- nobody --></p><p begin="9s">Jane Roe: Hello?</p></div></body>
        </tt>""",
}
OTHERS = {
    "turns": f"""<transcript id="7"><turn speaker="Tom Hall" start="1.0">{TOM}</turn>
        <turn speaker="Jane Roe" start="4.5">{JANE}</turn></transcript>""",
    "roles": f"""<?xml version="1.0"?><call><line role="agent">{TOM}</line>
        <line role="customer">{JANE}</line></call>""",
    "elements within": f"""<call><turn><speaker>Agent</speaker><start>1</start><end>3.5</end>
        <text>{TOM}</text></turn><turn><speaker>Customer</speaker><start>4.5</start>
        <text>{JANE}</text></turn></call>""",
    "roles within": f"""<Interaction><Message><Role>Agent</Role><Body>{TOM}</Body></Message>
        <Message><Role>Customer</Role><Body>{JANE}</Body></Message></Interaction>""",
    "capitals": f"""<Transcript CallId="5"><Turn Speaker="Agent"><Text>{TOM}</Text></Turn>
        <Turn Speaker="Customer"><Text>{JANE}</Text></Turn></Transcript>""",
    "texts of a video": f"""<transcript><text start="1" dur="2.1">AGENT: {TOM}</text>
        <text start="4.5" dur="2">CALLER: {JANE}</text></transcript>""",
}


def read(tmp_path, content, name="call.ttml"):
    path = tmp_path / name
    path.write_text(content)
    bad: list[BadRow] = []
    calls = [event for event, _ in open_file(path, on_bad_row=bad.append)]
    return calls, [row.reason for row in bad]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_timed_text_is_read_with_who_said_it(tmp_path, body):
    [call], bad = read(tmp_path, HEAD + body)

    assert bad == []
    said = [(turn.name, turn.text.removesuffix(" Hello?")) for turn in call.turns]
    assert said == [("Tom Hall", TOM), ("Jane Roe", JANE)]
    assert [turn.at for turn in call.turns if turn.name == "Tom Hall"] == [1.0]


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS.keys())
def test_elements_that_name_their_speakers_are_turns(tmp_path, content):
    [call], _ = read(tmp_path, content, "call.xml")

    assert [turn.text for turn in call.turns] == [TOM, JANE]
    assert len({turn.name or turn.speaker for turn in call.turns}) == 2


@pytest.mark.parametrize("said", ["48213", "3.5", "10:30", "100%"])
@pytest.mark.parametrize("tag", ["text", "Body", "words"])
def test_a_number_that_is_said_stays_and_one_of_the_program_goes(tmp_path, tag, said):
    turns = (
        f"<turn><id>7</id><speaker>{who}</speaker><{tag}>{text}</{tag}><end-time>9.5</end-time>"
        "<confidence>0.9</confidence></turn>"
        for who, text in (("Agent", TOM), ("Customer", said))
    )
    [call], reasons = read(tmp_path, f"<call>{''.join(turns)}</call>", "call.xml")

    assert [(turn.speaker, turn.text) for turn in call.turns] == [
        ("agent", TOM),
        ("customer", said),
    ]
    assert reasons == []


def test_a_document_type_is_refused_before_anything_is_expanded(tmp_path):
    bomb = '<!DOCTYPE tt [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    text = HEAD.replace("<tt ", f"{bomb}<tt ", 1) + BODIES["labels"]

    with pytest.raises(ValueError, match="is XML with a document type"):
        captions(text.split("\n"))


def test_xml_that_breaks_off_is_one_line(tmp_path):
    calls, [reason] = read(tmp_path, (HEAD + BODIES["labels"])[:-20])

    assert calls == []
    assert "is no whole XML" in reason


def test_another_page_of_xml_is_no_call(tmp_path):
    with pytest.raises(FormatError, match="is not recognised"):
        read(tmp_path, "<?xml version='1.0'?><note><to>Tom</to><from>Jane</from></note>", "n.xml")
