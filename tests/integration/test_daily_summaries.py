"""Daily summaries by mail: once a day, escaped, of one's own brands, whatever the server does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default as email_policy
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from history import tweet
from ports import free_port
from rows import ask, do

from connectors.catalog import sink
from stream.alerts.daily import DailySummaries, summary
from stream.alerts.daily_figures import day_of
from stream.alerts.notifier import Notifier
from stream.alerts.routing import read_routes
from stream.desk.actions import Resolve
from stream.desk.tickets import Desk
from stream.errors import UserError

YESTERDAY = datetime(2026, 3, 11, 12, tzinfo=UTC)
EVIL = "<b>Evil & Co</b>"
FILE = """
[sinks.leads]
type = "email"
to = ["leads@example.com"]
sender = "earshot@example.com"
host = "127.0.0.1"
encryption = "none"
kinds = []
daily = "08:00"
time_zone = "Europe/Berlin"
"""


class Mailbox:
    """A mail server: what it was handed, and the answers that it gives to DATA."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server, session, envelope):
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.messages.append(envelope.content)
        return answer

    def mails(self):
        return [message_from_bytes(raw, policy=email_policy) for raw in self.messages]


@pytest.fixture
async def mailbox():
    port = free_port()
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=60)
    await asyncio.to_thread(controller.start)
    box.port = port
    yield box
    await asyncio.to_thread(controller.stop)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def routes(tmp_path, words=FILE):
    path = tmp_path / "alerts.toml"
    path.write_text(words)
    return read_routes(path, {})


@pytest.fixture
def leads(engine, tmp_path, mailbox):
    """Summaries for leads on this clock; further ones share the table, as another process does."""
    [route] = routes(tmp_path, FILE + f"port = {mailbox.port}\n")

    def made(clock: Clock, **changes) -> DailySummaries:
        chosen = replace(route, **changes)
        opened = sink(chosen.type)(chosen.name, chosen.options, allow_private=True)
        base = "https://earshot.example.com"
        return DailySummaries(engine, lambda: [(chosen, opened)], base_url=base, clock=clock)

    return made


@pytest.fixture
async def filled(simple, engine, postgres_url):
    """Yesterday: two tickets of Northwind Air, one resolved; one of a brand with markup in it."""
    await simple.save(
        [tweet(1, 95), tweet(2, 80), tweet(3, 90, brand=EVIL), tweet(4, 10, author="cleo")]
    )
    await Desk(engine).act("x:2", Resolve(), "ada")
    moment = YESTERDAY.isoformat()
    for table, columns in (
        ("events", ("received_at",)),
        ("tickets", ("received_at", "created_at", "state_changed_at")),
    ):
        moved = ", ".join(f"{name} = '{moment}'" for name in columns)
        await do(postgres_url, f"update {table} set {moved}")
    return simple


def this_morning(hour: int) -> datetime:
    """Of the day after the messages of `filled`, in UTC, where Berlin is an hour ahead."""
    return datetime(2026, 3, 12, hour, 30, tzinfo=UTC)


async def test_a_sink_that_the_console_sets_gets_its_summary_and_one_taken_away_gets_none(
    filled, engine, tmp_path, mailbox
):
    [route] = routes(tmp_path, FILE + f"port = {mailbox.port}\n")
    opened = sink(route.type)(route.name, route.options, allow_private=True)
    notifier = Notifier(filled, filled, [])
    clock = Clock(this_morning(8))
    summaries = DailySummaries(engine, lambda: notifier.sinks, clock=clock)

    without = await summaries.round()
    notifier.become([(route, opened)])
    await notifier.round()
    sent = await summaries.round()
    notifier.become([])
    await notifier.round()
    clock.now += timedelta(days=1)

    assert (without, sent, await summaries.round()) == (0, 1, 0)
    assert len(mailbox.mails()) == 1


async def test_the_summary_goes_out_once_a_day_whoever_asks_and_not_before_its_time(
    filled, leads, mailbox
):
    clock = Clock(this_morning(4))
    one, other = leads(clock), leads(clock)

    early = await one.round()
    clock.now = this_morning(8)
    sent = [await one.round(), await other.round(), await one.round()]
    clock.now += timedelta(days=1)
    next_day = await other.round()

    assert (early, sent, next_day) == (0, [1, 0, 0], 1)
    first, second = mailbox.mails()
    assert first["Message-ID"] != second["Message-ID"]
    assert (first["To"], first["Auto-Submitted"]) == ("leads@example.com", "auto-generated")


async def test_it_counts_by_brand_and_escapes_what_it_did_not_write(filled, engine, leads, mailbox):
    day = day_of(YESTERDAY.date(), ZoneInfo("UTC"))
    notice = await summary(engine, day, "leads")
    await leads(Clock(this_morning(8))).round()
    [mail] = mailbox.mails()
    html = mail.get_body(("html",)).get_content()

    facts = dict(notice.facts)
    assert facts["Northwind Air"].startswith("3 messages (67 % negative); 2 new tickets")
    assert "1 resolved; now 1 open, 1 late" in facts["Northwind Air"]
    assert "&lt;b&gt;Evil &amp; Co&lt;/b&gt;" in html
    assert EVIL not in html
    assert "still waiting" not in html  # no customer's words
    assert "https://earshot.example.com/monitor" in html


async def test_a_sink_that_is_bound_to_brands_gets_theirs_alone(filled, leads, mailbox):
    await leads(Clock(this_morning(8)), brands=("Northwind Air",)).round()

    [mail] = mailbox.mails()
    assert "Evil" not in mail.get_body(("plain",)).get_content()


async def test_a_mail_server_in_trouble_gets_it_later_and_once(
    filled, leads, mailbox, postgres_url
):
    clock = Clock(this_morning(8))
    mailbox.answers = ["451 later", "421 later still"]
    summaries = leads(clock)

    tries = [await summaries.round(), await summaries.round()]
    clock.now += timedelta(hours=2)
    tries += [await summaries.round()]
    clock.now += timedelta(hours=3)
    tries += [await summaries.round(), await summaries.round()]

    assert tries == [0, 0, 0, 1, 0]
    assert len(mailbox.messages) == 1
    [row] = await ask(postgres_url, "select state, attempts from daily_summaries")
    assert tuple(row) == ("sent", 3)


async def test_what_is_refused_for_good_is_written_down_and_not_tried_again(
    filled, leads, mailbox, postgres_url
):
    clock = Clock(this_morning(8))
    mailbox.answers = ["554 no mail from you"]
    summaries = leads(clock)

    assert [await summaries.round(), await summaries.round()] == [0, 0]
    [row] = await ask(postgres_url, "select state, answer from daily_summaries")
    assert (row[0], "554" in row[1]) == ("failed", True)


async def test_an_empty_day_says_so(simple, engine):
    notice = await summary(engine, day_of(YESTERDAY.date(), ZoneInfo("UTC")), "leads")

    assert notice.title.endswith("0 new tickets, nothing is late")
    assert notice.facts == (("Nothing", "no message came and nothing is open"),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('daily = "8 o\'clock"', "daily"),
        ('daily = "24:00"', "daily"),
        ('daily = "08:00"\ntime_zone = "Mars"', "'Mars' is no time zone"),
        ('daily = "08:00"\ntime_zone = "../../etc/passwd"', "is no time zone"),
        ('daily = "08:00"\ntype = "pagerduty"\nrouting_key = "k"', "wakes somebody"),
    ],
)
def test_what_is_wrong_in_the_file_is_one_line(tmp_path, line, why):
    kept = [
        row
        for row in FILE.splitlines()
        if row.partition(" = ")[0] not in {each.partition(" = ")[0] for each in line.splitlines()}
    ]
    with pytest.raises(UserError) as refused:
        routes(tmp_path, "\n".join([*kept, line]))

    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_day_is_as_long_as_it_is_lived():
    berlin = ZoneInfo("Europe/Berlin")
    lengths = [
        (day.end.astimezone(UTC) - day.begin.astimezone(UTC)).total_seconds() / 3600
        for day in (
            day_of(datetime(2026, 3, 28).date(), berlin),
            day_of(datetime(2026, 3, 29).date(), berlin),
            day_of(datetime(2026, 10, 25).date(), berlin),
        )
    ]

    assert lengths == [24, 23, 25]
