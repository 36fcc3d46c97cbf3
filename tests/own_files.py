"""Samples of files as other programs write them, by their kinds; every word is our own."""

from __future__ import annotations

TABLES = (
    b"Ticket\tOpened\tRequester\tDescription\n"
    b"71\t12.03.2026 09:10\tann@b.example\tThe line is dead, nobody came\n"
    b"72\t13.03.2026 10:00\tbo@b.example\tBilled twice in one month\n",
    b"Report of March;;;\r\nMade by;care;;\r\n\r\nNummer;Datum;Betreff;Beschreibung\r\n"
    b"1;03.04.2026;Koffer;Mein Koffer kam nicht an\r\n"
    b'2;05.04.2026;App;"Sie st\xfcrzt ab;\nimmer"\r\n'
    b"Sum;2;;\r\n",
    "sep=;\nid;comment;rating\n1;Nobody answers the phone at all;1\n2;Très bien, merci;5\n".encode(
        "utf-16"
    ),
    b"\xef\xbb\xbf| id | text |\n|----|------|\n| 1 | my bag is lost |\n| 2 | late again |\n",
    b'id,body,created_at\n1,"he said \\"no\\" twice",2026-03-12T09:00:00Z\n'
    b"2,short\n3,too,2026-03-12,many,cells\n",
    b"conversation_id,timestamp,sender,message\nc1,2026-03-12 09:00,agent,Hello\n"
    b"c1,2026-03-12 09:01,customer,My bag is lost\n",
)
LINES = (
    b'{"call_id": "1", "turns": [{"speaker": "agent", "text": "Hello"}, '
    b'{"speaker": "customer", "text": "dead line"}]}\n{"call_id": "2", "turns": []}\n',
    b'{"ticket": {"id": 7, "description": "my line is down", "created": "2026-03-12"}}\n'
    b'{"ticket": {"id": 8, "description": "late again", "created": 1773316800}}\n',
    b'{"kind": "complaint", "id": "a:1", "conversation": "a:1", "title": "bag", "text": "lost",'
    b' "occurred_at": "2026-03-12T09:00:00Z", "author": "ann"}\n'
    b'{"kind": "transcript", "id": "a:2", "conversation": "a:2", "turns": [{"speaker": "agent",'
    b' "text": "hi", "at": 1.5}], "occurred_at": "2026-03-12T09:00:00Z"}\n',
    b'{"conversation_id": "c", "speaker": "agent", "text": "Hello"}\n'
    b'{"conversation_id": "c", "speaker": "customer", "text": "It is dead"}\n',
)
JSON = (
    b'{"results": {"transcripts": [{"transcript": "Hello. It is dead."}], "speaker_labels": '
    b'{"segments": [{"speaker_label": "spk_0", "start_time": "0.1", "end_time": "1.2"}]}, "items":'
    b' [{"start_time": "0.1", "type": "pronunciation", "alternatives": [{"content": "Hello"}]}]}}',
    b'{"segments": [{"speaker": "SPEAKER_00", "start": 0.5, "text": "Care, hello?"},'
    b' {"speaker": "SPEAKER_01", "start": 2, "text": "My router is dead."}], "language": "en"}',
    b'{"text": "my line is down and nobody answers", "id": 3, "created_at": "2026-03-12"}',
)
LISTS = (
    b'[{"id": 1, "comment": "my line is down", "date": "03/04/2026"},'
    b' {"id": "2", "comment": "late again", "date": "13/04/2026", "user": {"name": "ann"}}]',
    b'{"data": {"tickets": [{"number": 1, "body": "<p>line down</p>", "made": 1773316800000},'
    b' {"number": 2, "body": {"html": "late"}, "made": null}]}, "count": 2}',
    b'[{"speaker": "agent", "text": "Hello"}, {"speaker": "customer", "text": "It is dead"}]',
)
CAPTIONS = (
    b"1\n00:00:00,500 --> 00:00:04,000\nAgent: Care, hello?\n\n2\n00:00:04,500 --> 00:00:09,000\n"
    b"Customer: My bag is lost.\n\n",
    b"WEBVTT - call\n\nSTYLE\n::cue { color: red }\n\n00:01.000 --> 00:04.000 align:start\n"
    b"<v Agent>Hello &amp; welcome</v>\n<v Ann>My line is <b>dead</b>\n",
    b"0:00:00.500,0:00:04.000\nAgent: hello\n\n0:00:05.000,0:00:06.000\nCustomer: dead line\n",
    b"[Script Info]\nTitle: call\n\n[Events]\nFormat: Layer, Start, End, Style, Name, Text\n"
    b"Dialogue: 0,0:00:00.50,0:00:04.00,Default,Agent,{\\i1}Hello{\\i0}\n"
    b"Dialogue: 0,0:00:05.00,0:00:06.00,Default,Customer,It is dead\\Nand nobody came\n",
    b'<?xml version="1.0"?>\n<tt xmlns="http://www.w3.org/ns/ttml"><body><div>\n'
    b'<p begin="00:00:00.500" end="00:00:04.000"><span>Agent: Hello</span></p>\n'
    b'<p begin="5s" end="6s">Customer: It is<br/>dead</p></div></body></tt>\n',
    b"<html><head><title>Call 7</title></head><body><table><tr><th>Speaker</th><th>Text</th></tr>"
    b"<tr><td>Agent</td><td>Hello</td></tr><tr><td>Customer</td><td>It is dead</td></tr></table>"
    b"<script>x</script></body></html>",
    b'<call id="7"><turn who="agent" start="1.5">Hello</turn><turn who="customer">It is dead</turn>'
    b"<!DOCTYPE a [<!ENTITY b 'c'>]></call>",
)
MAILBOX = (
    b"From: Ann <ann@b.example>\r\nTo: care@b.example\r\nSubject: =?utf-8?q?bag=C3=A9?=\r\n"
    b"Date: Thu, 12 Mar 2026 13:00:00 +0100\r\nMessage-ID: <a1@b.example>\r\n\r\n"
    b"Agent: hello\r\nCustomer: where is my bag?\r\n\r\nOn 1 March 2026, Care wrote:\r\n> soon\r\n",
    b"From: ann@b.example\nSubject: Re: bag\nMIME-Version: 1.0\n"
    b"Content-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: text/plain\n\nlost\n"
    b"--a\nContent-Type: text/html\n\n<p>lost</p>\n--a--\n",
    b"From ann@b.example Thu Mar 12 13:00:00 2026\nFrom: ann@b.example\nSubject: bag\n\nlost\n\n"
    b"From bo@b.example Thu Mar 12 14:00:00 2026\nFrom: bo@b.example\nSubject: app\n\n>From here\n",
)
