"""Webhooks in: signatures, field maps, and what is said about a wrong file or a wrong message."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.events import Complaint, Deleted, decode, encode
from connectors.json_path import path_of, plain_text, text_of_path
from connectors.skipped import TALLY
from connectors.webhook import (
    Hook,
    HooksError,
    MappingError,
    Refusal,
    SignatureError,
    load_hooks,
)

SECRET = "a secret of the shop"
NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
HOOKS = """
[[hook]]
name = "shop"
each = "data.tickets"
time = "unix_ms"

[hook.fields]
id = "number"
text = ["body.plain", "body.html"]
title = "subject"
author = "customer.mail"
occurred_at = "made"
conversation = "thread[0].number"
revision = "version"
deleted = "gone"

[hook.constants]
brand = "VoltLine"

[[hook]]
name = "forms"
kind = "tweet"
network = "form"
fields = { text = "." }
"""


@pytest.fixture
def hooks(tmp_path):
    return read(tmp_path, HOOKS)


def read(folder, text, **secrets):
    path = folder / "hooks.toml"
    path.write_text(text)
    return load_hooks(
        path, {"shop": SECRET, "forms": "whsec_" + base64.b64encode(b"0" * 24).decode()} | secrets
    )


def signed(body: bytes, at: float, secret: bytes = SECRET.encode(), id: str = "msg_1"):
    mark = base64.b64encode(
        hmac.new(secret, f"{id}.{int(at)}.".encode() + body, hashlib.sha256).digest()
    ).decode()
    return {"webhook-id": id, "webhook-timestamp": str(int(at)), "webhook-signature": f"v1,{mark}"}


def test_a_field_map_turns_any_json_into_events(hooks):
    ticket = {
        "number": 17,
        "body": {"html": "line down"},
        "subject": 2026,
        "customer": {"mail": "ada@example.org"},
        "made": 1_773_316_800_000,
        "thread": [{"number": 12}],
        "version": 3,
    }

    (event,) = hooks["shop"].events(json.dumps({"data": {"tickets": [ticket]}}).encode(), NOON)

    assert isinstance(event, Complaint)
    assert (event.id, event.conversation, event.revision) == ("shop:17", "shop:12", 3)
    assert (event.text, event.title, event.author) == ("line down", "2026", "ada@example.org")
    assert event.brand == "VoltLine"
    assert event.occurred_at == NOON


def test_a_message_without_an_id_is_the_same_event_when_it_comes_again(hooks):
    first, again = (hooks["forms"].events(b'"my line is down"', NOON)[0] for _ in range(2))

    assert first == again
    assert first.id.startswith("form:")
    assert first.text == "my line is down"
    assert first.conversation == first.id


def test_a_deleted_ticket_is_a_deletion(hooks):
    told = {"data": {"tickets": [{"number": 17, "gone": True, "made": 1_773_316_800_000}]}}

    (event,) = hooks["shop"].events(json.dumps(told).encode(), NOON)

    assert isinstance(event, Deleted)
    assert (event.id, event.of) == ("shop:17", "complaint")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\xff{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"{}", "there is no list at data.tickets"),
        (
            b'{"data": {"tickets": [{"number": 1}]}}',
            "event 0: text: field required.*body.plain or body.html",
        ),
        (b'{"data": {"tickets": [{"body": {"plain": {"size": 3}}}]}}', "event 0: text"),
        (
            b'{"data": {"tickets": [{"body": {"plain": "a"}, "made": "noon"}]}}',
            "event 0: occurred_at",
        ),
        (
            b'{"data": {"tickets": [{"body": {"plain": "a"}, "made": 1e300}]}}',
            "event 0: occurred_at",
        ),
        (b'{"data": {"tickets": [{"body": {"plain": "a"}, "version": -1}]}}', "event 0: revision"),
    ],
)
def test_what_the_map_does_not_find_is_said_and_where_it_looked(hooks, body, words):
    with pytest.raises(MappingError, match=words):
        hooks["shop"].events(body, NOON)


def tickets(*bodies: object) -> bytes:
    entries = [{"number": place, "body": body} for place, body in enumerate(bodies)]
    return json.dumps({"data": {"tickets": entries}}).encode()


@pytest.mark.parametrize(
    "empty", ["", " ", "\u200b", "\u00a0\r\n", "<p></p>", "<br><div> </div>", None]
)
def test_the_next_place_is_read_where_the_first_is_empty(hooks, empty):
    body = tickets({"plain": empty, "html": "<p>The meter is smoking</p>"})

    [event] = hooks["shop"].events(body, NOON)

    assert event.text == "The meter is smoking"


def words(*texts):
    return [{"type": "text", "text": text} for text in texts]


@pytest.mark.parametrize(
    ("rich", "text"),
    [
        ({"content": [*words("no"), {"type": "hardBreak"}, *words("gas")]}, "no\ngas"),
        ({"children": [*words("a"), {"type": "linebreak"}, *words("b")]}, "a\nb"),
        (
            {"content": [{"type": "mention", "attrs": {"text": "@Tom"}}, *words(" help")]},
            "@Tom help",
        ),
        ({"elements": [*words("see "), {"type": "link", "url": "https://a.example"}]},
         "see https://a.example"),
        ({"ops": [{"insert": "no"}, {"insert": "\n"}, {"insert": "gas\n"}]}, "no\ngas"),
        ({"blocks": [{"text": "no heat", "type": "unstyled"}, {"text": "b"}]}, "no heat\nb"),
        ({"blocks": [{"data": {"text": "a"}}, {"data": {"text": "b"}}]}, "a\nb"),
        ({"root": {"children": [{"children": words("a")}, {"children": words("b")}]}}, "a\nb"),
        ({"content": [{"content": [{"content": words("a")}, {"content": words("b")}]}]}, "a\nb"),
        ({"contentType": "html", "content": "<p>My oven is cold</p>"}, "<p>My oven is cold</p>"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], "a\nb"),
        ({"type": "text", "text": {"content": "no gas"}}, "no gas"),
    ],
)  # fmt: skip
def test_rich_text_keeps_every_word_and_every_line(rich, text):
    assert plain_text(rich) == text


def test_a_body_of_blanks_in_markup_is_empty_and_the_next_is_read(hooks):
    [event] = hooks["shop"].events(tickets({"plain": "&nbsp;&#8203;", "html": "no heat"}), NOON)

    assert event.text == "no heat"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<details><summary>Oven</summary>cold</details>", "Oven\ncold"),
        ("<fieldset><legend>Oven</legend>cold</fieldset>", "Oven\ncold"),
        ("<p>I can&#39;t breathe &amp;amp; it&#39;s gas</p>", "I can't breathe & it's gas"),
        ("no heat<ul><li>gas smell</li><li>baby ill</li></ul>", "no heat\n\ngas smell\nbaby ill"),
        ("<style>p{}</style><div>one</div><div>two</div>", "one\ntwo"),
        ("<table><tr><td>Bill</td><td>wrong</td></tr></table>", "Bill wrong"),
        ("5 < 6 and a <3 for you", "5 < 6 and a <3 for you"),
        ("write to <jane@post.example> please", "write to <jane@post.example> please"),
    ],
)
def test_html_is_its_text(hooks, markup, text):
    [event] = hooks["shop"].events(tickets({"plain": markup}), NOON)

    assert " ".join(event.text.split()) == " ".join(text.split())
    assert event.text.count("\n") >= text.count("\n") - 1


def test_one_bad_event_is_refused_by_its_place_and_the_others_are_taken(hooks):
    refused: list[Refusal] = []
    body = tickets({"plain": "one"}, {"photo": "x.jpg"}, {"plain": "three"})

    events = hooks["shop"].events(body, NOON, refused)

    assert [event.id for event in events] == ["shop:0", "shop:2"]
    assert [refusal.index for refusal in refused] == [1]
    assert "body.plain or body.html" in refused[0].reason


def test_a_message_of_bad_events_alone_is_refused(hooks):
    with pytest.raises(MappingError, match="event 0"):
        hooks["shop"].events(tickets({"photo": 1}, {"photo": 2}), NOON, [])


def test_a_long_subject_is_cut_and_a_number_is_one_number(hooks):
    entry = {"number": 4711.0, "subject": "s" * 301, "body": {"plain": "late"}}
    body = json.dumps({"data": {"tickets": [entry]}}).encode()

    [event] = hooks["shop"].events(body, NOON)

    assert (event.id, event.title) == ("shop:4711", "s" * 300)


def one(tmp_path, body, **fields):
    """The event of a message by paths to its fields."""
    paths = "".join(f'{name} = "{path}"\n' for name, path in {"text": "text", **fields}.items())
    hook = read(tmp_path, f'[[hook]]\nname = "shop"\n[hook.fields]\n{paths}')["shop"]
    return hook.events(json.dumps(body).encode(), NOON, [])


@pytest.mark.parametrize(
    ("word", "direction"),
    [
        ("in", "inbound"),
        ("Incoming", "inbound"),
        (" OUT ", "outbound"),
        ("outbound-api", "outbound"),
    ],
)
def test_a_direction_is_understood_in_the_words_of_other_programs(tmp_path, word, direction):
    body = {"text": "the oven is cold", "way": word}

    [event] = one(tmp_path, body, direction="way")

    assert event.direction == direction


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2099-01-01", NOON),
        ("1970-01-01T00:00:01Z", NOON),
        (4102444800000, NOON),
        ("0001-01-01", NOON),
        ((NOON - timedelta(days=3)).isoformat(), NOON - timedelta(days=3)),
    ],
)
def test_a_time_that_cannot_be_right_is_that_of_the_receipt_and_counted(tmp_path, written, read):
    before = TALLY.counts()

    [event] = one(tmp_path, {"text": "cold", "at": written}, occurred_at="at")

    assert event.occurred_at == read
    assert TALLY.counts(before)["date"] == (written != read.isoformat())


def test_half_a_character_is_replaced(hooks):
    body = tickets({"plain": "MARK dead"}).replace(b"MARK", b"\\ud83d")

    [event] = hooks["shop"].events(body, NOON)

    assert decode(encode(event)).text == "? dead"


def test_a_signature_fits_one_body_one_secret_and_five_minutes(hooks):
    now, body = NOON.timestamp(), b'{"a": 1}'
    hook = hooks["shop"]
    right = signed(body, now)

    hook.verify(right, body, now)
    hook.verify(right, body, now + 299)
    hook.verify(
        right | {"webhook-signature": f"v1,AAAA v1a,xyz {right['webhook-signature']}"}, body, now
    )
    for wrong, said, when in (
        (right, body + b" ", now),
        (right, body, now + 301),
        (right, body, now - 301),
        (right | {"webhook-id": "msg_2"}, body, now),
        (right | {"webhook-timestamp": str(int(now) + 1)}, body, now),
        (right | {"webhook-signature": "v1,"}, body, now),
        (right | {"webhook-signature": "v1,é"}, body, now),
        (signed(body, now, b"another secret of the shop"), body, now),
        ({}, body, now),
    ):
        with pytest.raises(SignatureError) as refused:
            hook.verify(wrong, said, when)
        assert right["webhook-signature"][3:] not in str(refused.value)


def test_a_secret_is_never_shown(hooks):
    assert SECRET not in repr(hooks)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[hook]]\nname = 'shop'\n", "fields: Field required"),
        ("[[hook]]\nname = 'Shop!'\nfields = {text = 'a'}\n", "name"),
        ("[[hook]]\nname = 'shop'\nfields = {txt = 'a'}\n", "there is no field 'txt'"),
        ("[[hook]]\nname = 'shop'\nfields = {id = 'a'}\n", "say where the text is"),
        ("[[hook]]\nname = 'other'\nfields = {text = 'a'}\n", "EARSHOT_HOOK_SECRETS=other"),
        ("hook =", "not TOML"),
        (HOOKS + "[[hook]]\nname = 'shop'\nfields = {text = 'a'}\n", "twice"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path, text, words):
    with pytest.raises(HooksError, match=words) as wrong:
        read(tmp_path, text)
    assert "\n" not in str(wrong.value)


def test_a_short_secret_is_refused_and_none_is_shown(tmp_path):
    with pytest.raises(HooksError, match="16 bytes") as wrong:
        read(tmp_path, HOOKS, shop="tooshort")
    assert "tooshort" not in str(wrong.value)


def test_paths_have_names_numbers_and_dots():
    assert path_of(r"items[0].user\.name.x[-1]") == ("items", 0, "user.name", "x", -1)
    assert path_of(".") == ()
    assert text_of_path(path_of("a[field.ref=x y].b[*][0]")) == "a[field.ref=x y].b[*][0]"


def mapped(tmp_path, body, text, each=None, received=NOON):
    """The texts of a message by one path to them."""
    at = f"each = '{each}'\n" if each else ""
    fields = f"[hook.fields]\ntext = '{text}'\n"
    hook = read(tmp_path, f'[[hook]]\nname = "shop"\n{at}{fields}')["shop"]
    return [event.text for event in hook.events(json.dumps(body).encode(), received, [])]


ANSWERS = [
    {"field": {"ref": "score"}, "number": 2},
    {"field": {"ref": "why"}, "text": "The lift is stuck."},
]
RICH = {
    "type": "doc",
    "content": [
        {"type": "paragraph", "content": [{"text": "The lift "}, {"text": "is stuck."}]},
        {"type": "paragraph", "content": [{"text": "Please call."}]},
    ],
}


@pytest.mark.parametrize(
    ("body", "text", "each", "texts"),
    [
        ({"answers": ANSWERS}, "answers[field.ref=why].text", None, ["The lift is stuck."]),
        ({"pages": [[{}], ANSWERS]}, "pages[*][field.ref=why].text", None, ["The lift is stuck."]),
        ({"named": {"What?": ["a"]}}, "named.What?", None, ["a"]),
        ({"lines": ["a", "b"]}, "lines", None, ["a\nb"]),
        ({"issue": RICH}, "issue", None, ["The lift is stuck.\nPlease call."]),
        ({"tickets": {"text": "a"}}, "text", "tickets", ["a"]),
        ({"text": "a"}, "text", ".", ["a"]),
        ({"rows": [["Jane", "a"], ["Tom", "b"]]}, "[1]", "rows", ["a", "b"]),
        (
            {"entry": [{"changes": [{"m": "a"}, {"m": "b"}]}, {"changes": [{"m": "c"}]}]},
            *("m", "entry[*].changes", ["a", "b", "c"]),
        ),
        ({"entry": [{"read": 1}]}, "m", "entry[*].changes", []),
    ],
)
def test_a_text_is_found_wherever_a_program_puts_it(tmp_path, body, text, each, texts):
    assert mapped(tmp_path, body, text, each) == texts


PATHS = {
    name: (path_of(path),)
    for name, path in {
        "id": "number",
        "text": "body",
        "title": "subject",
        "author": "customer",
        "occurred_at": "made",
        "conversation": "thread",
        "revision": "version",
        "deleted": "gone",
    }.items()
}
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_ticket = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("number", "body", "subject", "customer", "made", "thread", "version", "gone"), _json
    ),
)


@given(st.lists(_ticket, max_size=3))
def test_any_json_is_events_or_one_line_that_says_what_is_missing(tickets):
    hook = Hook("shop", b"", "shop", list_path=("data", "tickets"), paths=PATHS, time="unix_ms")
    found: list = []
    with suppress(MappingError):  # and nothing else
        found = hook.events(json.dumps({"data": {"tickets": tickets}}).encode(), NOON)
    assert len(found) in (0, len(tickets))


@pytest.mark.parametrize(
    ("dates", "read"),
    [
        (["11/03/2026", "12/03/2026", "13/03/2026"], ["03-11", "03-12", "03-13"]),
        (["03/11/2026", "03/13/2026"], ["03-11", "03-13"]),
        (["11.03.2026", "2026-03-12"], ["03-11", "03-12"]),
        (["11/03/2026"], ["03-11"]),  # the third of November is yet to come
        (["02/03/2026"], ["02-03"]),
    ],
)
def test_the_dates_of_a_message_have_one_order(dates, read):
    hook = Hook(
        "shop",
        b"a secret of the shop",
        "shop",
        list_path=(),
        paths={"text": (("text",),), "occurred_at": (("at",),)},
    )
    body = json.dumps([{"text": "late", "at": date} for date in dates]).encode()

    events = hook.events(body, datetime(2026, 4, 1, tzinfo=UTC))

    assert [f"{event.occurred_at:%m-%d}" for event in events] == read
