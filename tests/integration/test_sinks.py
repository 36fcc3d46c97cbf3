"""Every way out against a small real server that has its bad days."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default as email_policy

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from ports import free_port

from connectors.base import NotSent, SentUnknown
from connectors.catalog import SINKS, sink
from connectors.notices import Notice, SinkError
from connectors.posting import retry_after
from stream.alerts.routing import routes_of
from stream.controls import sinks
from stream.controls.defaults import Defaults

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
EVIL = "<!channel> *bold* <b>&amp;</b>\r\nBcc: x@y.example [link](http://evil.example) `x`"
RAISED = Notice(
    id="burst:VoltLine:outage:2026-03-12T12:00Z/raised",
    alert="burst:VoltLine:outage:2026-03-12T12:00Z",
    kind="raised",
    severity=9,
    title="VoltLine: 65 negative messages about outage where 2 were usual",
    at=NOON,
    brand="VoltLine",
    topic="outage",
    facts=(("Since", "2026-03-12 12:00 UTC"), ("Words", "internet, phone")),
    quotes=(EVIL,),
    link="https://earshot.example.com/alerts",
)


SUCCESS = '{"status": "success", "message": "Event processed"}'


@dataclass
class Receiver:
    """A server on localhost that keeps what it is sent and answers as it is told, 200 when it is
    told nothing.
    """

    answers: list[object] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def usual(self) -> str:
        """What a network answers whose message was taken."""
        return SUCCESS if b'"routing_key"' in self.bodies[-1] else "ok"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        told = self.answers.pop(0) if self.answers else web.Response(text=self.usual)
        if told == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        assert isinstance(told, web.StreamResponse)
        return told


@pytest.fixture
async def receiver():
    told = Receiver()
    server = web.Application()
    server.router.add_post("/hook/{rest:.*}", told.answer)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook/T0/secret-part"
    yield told
    await runner.cleanup()


def opened(type, url, **options):
    given = {
        "slack": {},
        "teams": {},
        "webhook": {"secret": "a secret of 24 letters!!"},
        "pagerduty": {},
    }
    routing = {"routing_key": "R0"} if type == "pagerduty" else {}
    return sink(type)("desk", {"url": url, **given[type], **routing, **options}, allow_private=True)


async def sent(type, receiver, notice=RAISED):
    out = opened(type, receiver.url)
    try:
        return await out.send(notice)
    finally:
        await out.close()


@pytest.mark.parametrize("type", ["slack", "teams", "webhook", "pagerduty"])
async def test_a_message_arrives_and_the_answer_is_told(type, receiver):
    expected = SUCCESS if type == "pagerduty" else "ok"

    assert await sent(type, receiver) == f"200 {expected}"
    assert "65 negative messages" in receiver.bodies[0].decode()


@pytest.mark.parametrize("type", ["slack", "teams", "webhook", "pagerduty"])
async def test_a_receiver_in_trouble_is_tried_again_and_one_that_refuses_is_not(type, receiver):
    receiver.answers = [
        web.Response(status=429, headers={"Retry-After": "30"}),
        web.Response(status=500),
        "cut",
        web.Response(status=400, text="invalid_blocks"),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
    ]
    with pytest.raises(NotSent) as busy:
        await sent(type, receiver)
    with pytest.raises(NotSent) as broken:
        await sent(type, receiver)
    with pytest.raises(SentUnknown):
        await sent(type, receiver)
    with pytest.raises(NotSent, match="400: invalid_blocks") as refused:
        await sent(type, receiver)
    with pytest.raises(NotSent, match="redirects are not followed") as elsewhere:
        await sent(type, receiver)

    assert (busy.value.retry_after, broken.value.retry_after) == (30.0, 0.0)
    assert refused.value.retry_after is None
    assert elsewhere.value.retry_after is None
    assert len(receiver.bodies) == 5
    assert "secret-part" not in "".join(
        str(each.value) for each in (busy, broken, refused, elsewhere)
    )


@pytest.mark.parametrize(
    ("type", "answer"),
    [
        (
            "teams",
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP"
            " error 429 with ContextId tcid=0",
        ),
        ("teams", "<html><title>Sign in</title></html>"),
        ("teams", '{"error": {"code": "DirectApiAuthorizationRequired"}}'),
        ("slack", "invalid_token"),
        ("slack", "<html><title>Sign in</title></html>"),
        ("slack", ""),
        ("pagerduty", '{"status": "invalid event"}'),
        ("pagerduty", "<html><title>Sign in</title></html>"),
    ],
)
async def test_a_200_that_says_that_it_failed_is_tried_again(type, answer, receiver):
    receiver.answers = [web.Response(text=answer)]

    with pytest.raises(NotSent, match="answered 200, and not that it has the message") as failed:
        await sent(type, receiver)

    assert failed.value.retry_after == 0.0


@pytest.mark.parametrize("answer", ["", "1"])
async def test_teams_answers_nothing_or_one(answer, receiver):
    receiver.answers = [web.Response(text=answer)]

    assert await sent("teams", receiver) == f"200 {answer}".strip()


async def test_a_receiver_that_is_not_there_is_tried_again(receiver):
    out = opened("slack", "http://127.0.0.1:9/hook")
    with pytest.raises(NotSent, match="cannot be reached") as away:
        await out.send(RAISED)
    await out.close()
    assert away.value.retry_after is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
async def test_no_private_address_is_reached_unless_it_is_allowed(receiver, host):
    url = receiver.url.replace("http://127.0.0.1", f"https://{host}")
    out = sink("slack")("desk", {"url": url}, allow_private=False)
    with pytest.raises(NotSent, match=r"private address|no address") as refused:
        await out.send(RAISED)
    await out.close()

    assert refused.value.retry_after is None
    assert receiver.bodies == []


@pytest.mark.parametrize(
    ("type", "options", "wrong"),
    [
        ("slack", {}, "needs `url`"),
        ("slack", {"url": "ftp://x"}, "must begin with https://"),
        ("slack", {"url": "http://hooks.example.com/x"}, "must begin with https://"),
        ("slack", {"url": "https://a:b@hooks.example.com/x"}, "no user and password"),
        ("slack", {"url": "https://x.example", "chanel": "#a"}, "no option `chanel`"),
        ("webhook", {"url": "https://x.example", "secret": "short"}, "16 bytes"),
        ("pagerduty", {}, "needs `routing_key`"),
        ("email", {"sender": "a@b.example", "host": "h"}, "needs `to`"),
        ("email", {"to": ["nobody"], "sender": "a@b.example", "host": "h"}, "no e-mail address"),
        (
            "email",
            {"to": ["a@b.example"], "sender": "a@b.example", "host": "h", "encryption": "ssl"},
            "starttls",
        ),
        (
            "email",
            {
                "to": ["a@b.c"],
                "sender": "a@b.c",
                "host": "h",
                "encryption": "none",
                "username": "a",
                "password": "b",
            },
            "not sent without encryption",
        ),
    ],
)
def test_a_wrong_option_is_one_clear_line(type, options, wrong):
    with pytest.raises(SinkError, match=wrong):
        sink(type)("desk", options, allow_private=False)


def test_every_sink_of_the_catalogue_can_be_opened_by_its_name():
    assert all(callable(sink(name)) for name in SINKS)


async def test_what_customers_wrote_is_plain_text_in_slack_and_its_button_leads_to_the_console(
    receiver,
):
    await sent("slack", receiver)
    told = json.loads(receiver.bodies[0])

    def texts(node):
        if isinstance(node, dict):
            if "text" in node and "type" in node and isinstance(node["text"], str):
                yield node
            for value in node.values():
                yield from texts(value)
        elif isinstance(node, list):
            for value in node:
                yield from texts(value)

    assert {each["type"] for each in texts(told["blocks"])} == {"plain_text"}
    assert any("<!channel>" in each["text"] for each in texts(told["blocks"])), (
        "shown as it was written"
    )
    assert "<" not in told["text"], "the notification's text is markup: there it is escaped"
    assert told["blocks"][-1]["elements"][0]["url"] == RAISED.link


async def test_a_webhook_is_a_cloud_event_whose_signature_holds(receiver):
    await sent("webhook", receiver)
    body, headers = receiver.bodies[0], receiver.headers[0]
    event = json.loads(body)

    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert (event["specversion"], event["type"], event["id"]) == (
        "1.0",
        "earshot.alert.raised",
        RAISED.id,
    )
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(b"a secret of 24 letters!!", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60


async def test_the_same_message_has_the_same_name_when_it_is_sent_again(receiver):
    for type in ("webhook", "webhook", "pagerduty", "pagerduty"):
        await sent(type, receiver)

    assert receiver.headers[0]["webhook-id"] == receiver.headers[1]["webhook-id"]
    keys = [json.loads(body)["dedup_key"] for body in receiver.bodies[2:]]
    assert keys == [RAISED.alert, RAISED.alert]


async def test_the_end_of_an_alert_resolves_it_at_pagerduty(receiver):
    over = Notice(
        **{
            **{name: getattr(RAISED, name) for name in RAISED.__slots__},
            "kind": "recovered",
            "id": "x",
        }
    )
    await sent("pagerduty", receiver, over)
    told = json.loads(receiver.bodies[0])

    assert (told["event_action"], told["dedup_key"]) == ("resolve", RAISED.alert)


def test_retry_after_is_a_number_or_a_date():
    assert retry_after("7") == 7.0
    assert retry_after("Thu, 12 Mar 2026 12:01:00 GMT", now=NOON) == 60.0
    assert retry_after("Thu, 12 Mar 2026 11:00:00 GMT", now=NOON) == 0.0
    assert retry_after("soon") == retry_after(None) == 0.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("²", 0.0),
        ("٣", 0.0),
        ("9" * 400, 0.0),
        ("999999999999", 24 * 3600.0),
        ("Thu, 01 Jan 9999 00:00:00 GMT", 24 * 3600.0),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", 0.0),
        ("Thu, 99 Foo 2026 99:99:99 +9999", 0.0),
    ],
)
def test_whatever_a_receiver_asks_for_is_a_wait_of_a_day_at_most(header, seconds):
    assert retry_after(header) == seconds


class Mailbox:
    """What a mail server was handed, and the answers it gives to DATA."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], bytes]] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server, session, envelope):
        told = self.answers.pop(0) if self.answers else "250 taken"
        if told.startswith("250"):
            self.messages.append((envelope.rcpt_tos, envelope.content))
        elif told == "cut":
            self.messages.append((envelope.rcpt_tos, envelope.content))
            server.transport.abort()
            await asyncio.sleep(0)
        return told


@pytest.fixture
def mail_server():
    box = Mailbox()
    box.port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=box.port, ready_timeout=60)
    controller.start()
    yield box
    controller.stop()


def mailing(port):
    options = {
        "to": ["care@example.com"],
        "sender": "earshot@example.com",
        "host": "127.0.0.1",
        "encryption": "none",
    }
    return sink("email")("mail", {**options, "port": port}, allow_private=False)


async def test_mail_is_text_and_html_and_what_customers_wrote_is_data_in_both(mail_server):
    assert await mailing(mail_server.port).send(RAISED) == "taken for 1 of 1"
    [(to, raw)] = mail_server.messages
    mail = message_from_bytes(raw, policy=email_policy)

    assert to == ["care@example.com"]
    assert (
        mail["Subject"]
        == "[earshot] Severity 9: VoltLine: 65 negative messages about outage where 2 were usual"
    )
    assert mail["Bcc"] is None
    html = mail.get_body(("html",)).get_content()
    assert "&lt;!channel&gt;" in html
    assert "<b>" not in html
    assert "internet, phone" in mail.get_body(("plain",)).get_content()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\u2028"])
async def test_a_brand_with_line_ends_adds_no_line_to_a_mail(mail_server, end):
    brand = f"Volt{end}Bcc: x@y.example{end}{end}Click here"
    notice = replace(
        RAISED,
        title=f"{brand}: 65 negative messages",
        brand=brand,
        topic=brand,
        facts=(("Since", "12:00"), ("Brand", brand), (f"Words{end}Bcc", brand)),
        parts=(replace(RAISED, title=brand),),
    )
    await mailing(mail_server.port).send(notice)
    [(to, raw)] = mail_server.messages
    mail = message_from_bytes(raw, policy=email_policy)
    text = mail.get_body(("plain",)).get_content()

    assert to == ["care@example.com"]
    assert mail["Bcc"] is None
    assert [line for line in text.splitlines() if line.startswith(("Bcc", "Click"))] == []
    assert all("Bcc" not in name for name in mail)


@pytest.mark.parametrize("encryption", ["none", "starttls", "tls"])
async def test_a_mail_server_of_the_console_that_moves_into_a_private_network_gets_nothing(
    mail_server, monkeypatch, encryption
):
    """Whoever owns a name may say that it is public while it is looked at, and later another."""
    asked = socket.getaddrinfo
    at = ["93.184.216.34"]

    def told(host, *rest, **more):
        return asked(at[0] if host == "mail.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", told)
    options = {
        "to": ["care@example.com"],
        "sender": "earshot@example.com",
        "port": mail_server.port,
    }
    options |= {"type": "email", "host": "mail.example", "encryption": encryption}
    [route] = routes_of({"mail": options}, "the console", None)
    of_console = sinks.opened(route, Defaults(), of_console=True)
    of_file = sinks.opened(route, Defaults(), of_console=False)
    at[0] = "127.0.0.1"

    with pytest.raises(NotSent, match="private address") as refused:
        await of_console.send(RAISED)
    assert refused.value.retry_after is None
    assert mail_server.messages == []
    if encryption == "none":
        assert await of_file.send(RAISED) == "taken for 1 of 1"


async def test_mail_that_says_it_is_over_answers_the_mail_that_said_it_began(mail_server):
    over = Notice(
        id=f"{RAISED.alert}/recovered",
        alert=RAISED.alert,
        kind="recovered",
        severity=9,
        title="t",
        at=NOON,
    )
    for notice in (RAISED, RAISED, over):
        await mailing(mail_server.port).send(notice)
    first, again, last = (
        message_from_bytes(raw, policy=email_policy) for _, raw in mail_server.messages
    )

    assert first["Message-ID"] == again["Message-ID"] == last["In-Reply-To"]
    assert last["Message-ID"] != first["Message-ID"]


async def test_a_mail_server_in_trouble_is_tried_again_and_one_that_refuses_is_not(mail_server):
    mail_server.answers = ["451 later", "554 spam", "cut"]
    out = mailing(mail_server.port)
    with pytest.raises(NotSent, match="451") as later:
        await out.send(RAISED)
    with pytest.raises(NotSent, match="554") as never:
        await out.send(RAISED)
    with pytest.raises(SentUnknown):
        await out.send(RAISED)
    with pytest.raises(NotSent) as away:
        await mailing(9).send(RAISED)

    assert later.value.retry_after is not None
    assert never.value.retry_after is None
    assert away.value.retry_after is not None
    assert timedelta(seconds=later.value.retry_after) < timedelta(minutes=1)
