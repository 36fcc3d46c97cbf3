"""Checks of the soak: what must be true of what the workers left behind and of what they told."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
from acceptance.stage import Stage

from soak.field import Seen
from soak.story import BROKEN_KEY, Story
from stream.kafka import INPUTS
from stream.postgres.database import dsn
from stream.postgres.tables import ARRIVAL

GROWTH, SLACK = 0.1, 30 << 20  # of a worker's memory over its second half: a share, and bytes
SHOWN = 5  # differences that are shown of each check


@dataclass
class Check:
    """One promise. wrong: what contradicts it, the first few; amount: what was looked at."""

    promise: str
    amount: int = 0
    wrong: list[str] = field(default_factory=list)
    faults: int = 0

    def miss(self, what: str) -> None:
        self.faults += 1
        if len(self.wrong) < SHOWN:
            self.wrong.append(what)


async def stored(stage: Stage, story: Story) -> Check:
    """Every unique event is there, and no row is there twice."""
    check = Check("every unique event is stored once")
    rows = Counter(
        row[0] for row in await stage.rows("select id from events where id not like 'file:%'")
    )
    check.amount = rows.total()
    for id in story.ids - rows.keys():
        check.miss(f"{id} is lost")
    for id in rows.keys() - story.ids:
        check.miss(f"{id} was never sent")
    for id, times in rows.items():
        if times > 1:
            check.miss(f"{id} is there {times} times")
    return check


async def buried(stage: Stage) -> Check:
    """Every message that is no event is a dead letter, and nothing else is."""
    check = Check("every broken message is one dead letter, and nothing else is one")
    sent = {
        (message.topic, message.partition, message.offset)
        async for message in stage.messages(*INPUTS)
        if message.key == BROKEN_KEY
    }
    rows = await stage.rows('select topic, partition, "offset", reason from dead_letters')
    letters = {tuple(row)[:3]: row["reason"] for row in rows}
    check.amount = len(letters)
    for place in sent - letters.keys():
        check.miss(f"{place} is no dead letter")
    for place in letters.keys() - sent:
        check.miss(f"{place} is an event and a dead letter: {letters[place]}")
    return check


async def analyses(stage: Stage, figures: dict[str, Any]) -> Check:
    """The last revision of every event was told on `analyses`."""
    check = Check("the last revision of every event was told on the topic analyses")
    latest: dict[str, int] = {}
    messages = 0
    async for message in stage.messages("analyses"):
        record = json.loads(message.value)
        messages += 1
        latest[record["id"]] = max(record["revision"], latest.get(record["id"], 0))
    rows = dict(await stage.rows("select id, revision from events"))
    check.amount = messages
    figures["analyses told"] = messages
    for id in rows.keys() - latest.keys():
        check.miss(f"{id} was never told")
    for id, revision in latest.items():
        if rows.get(id) != revision:
            check.miss(f"{id}: revision {revision} was told, {rows.get(id)} is stored")
    return check


async def tickets_told(stage: Stage) -> Check:
    """Each ticket's last version was told, and a version that was told again said the same."""
    check = Check("tickets are told once or more, each version with the same words")
    contents: dict[tuple[str, int], bytes] = {}
    last: dict[str, tuple[int, bool]] = {}
    async for message in stage.messages("tickets"):
        if message.value is None:
            continue
        record = json.loads(message.value)
        check.amount += 1
        version = (record["id"], record["version"])
        content = hashlib.blake2b(message.value, digest_size=8).digest()
        if contents.setdefault(version, content) != content:
            check.miss(f"{version[0]}: version {version[1]} was told in two ways")
        if record["version"] >= last.get(record["id"], (0, False))[0]:
            last[record["id"]] = record["version"], record["withdrawn"]
    rows = dict(await stage.rows("select id, version from tickets"))
    known = {id: version for id, (version, withdrawn) in last.items() if not withdrawn}
    for id in rows.keys() | known.keys():
        if rows.get(id) != known.get(id):
            check.miss(f"{id}: version {known.get(id)} was told, {rows.get(id)} is stored")
    return check


async def alerts_told(stage: Stage, received: Path) -> Check:
    """Every alert was told on the topic with the version that is stored, and every delivery came
    to the receiver, under one name.
    """
    check = Check("alerts are told once or more, each version with the same words")
    contents: dict[tuple[str, int], str] = {}
    async for message in stage.messages("alerts"):
        record = json.loads(message.value)
        version = (record["id"], record["version"])
        # The words of the ticket are those of now, by its own version.
        content = json.dumps({k: v for k, v in record.items() if k not in ("excerpt", "factors")})
        if contents.setdefault(version, content) != content:
            check.miss(f"{version[0]}: version {version[1]} was told in two ways")
    for id, version in await stage.rows("select id, version from alerts"):
        check.amount += 1
        if (id, version) not in contents:
            check.miss(f"{id}: version {version} was never told")
    names = Counter(note["id"] for note in _lines(received))
    for row in await stage.rows("select alert_id, kind, message, state from alert_deliveries"):
        if row["state"] not in ("sent", "cancelled"):
            check.miss(f"{row['alert_id']}: delivery is {row['state']}")
        elif row["state"] == "sent" and names[_delivery_id(row["message"])] == 0:
            check.miss(f"{row['alert_id']}: sent, and never received")
    return check


def _delivery_id(name: str) -> str:
    return "msg_" + hashlib.sha256(name.encode()).hexdigest()[:32]


async def replies_sent(stage: Stage, outbox: Path, wanted: int) -> Check:
    """Every approved reply stands in the file once, with its own text."""
    check = Check("every approved reply is sent once, with the approved text")
    sent = list(_lines(outbox))
    times = Counter(line["id"] for line in sent)
    texts = {line["id"]: line["text"] for line in sent}
    rows = await stage.rows("select id, state, sent_id, text, reason from replies")
    check.amount = len(rows)
    if len(rows) != wanted:
        check.miss(f"{wanted} were approved, {len(rows)} are stored")
    for row in rows:
        if row["state"] != "sent":
            check.miss(f"reply {row['id']} is {row['state']}: {row['reason']}")
        elif times[row["sent_id"]] != 1:
            check.miss(f"reply {row['id']} stands there {times[row['sent_id']]} times")
        elif texts[row["sent_id"]] != row["text"]:
            check.miss(f"reply {row['id']} has another text than was approved")
    if len(sent) > len(rows):
        check.miss(f"{len(sent)} were sent, {len(rows)} are stored")
    return check


async def drained(stage: Stage) -> Check:
    check = Check("consumer lag is 0", amount=1)
    if lag := await stage.lag():
        check.miss(f"{lag} messages are not acknowledged")
    return check


def memory_flat(seen: Seen, figures: dict[str, Any]) -> Check:
    """The longest life that was measured: its last quarter against its second one."""
    check = Check("a worker's memory stays flat")
    samples = max(seen.memory.values(), key=len, default=[])
    check.amount = len(samples)
    quarter = len(samples) // 4
    if quarter == 0:
        check.miss("no worker lived long enough to tell")
        return check
    early = median(size for _, size in samples[quarter : 2 * quarter])
    late = median(size for _, size in samples[-quarter:])
    figures["memory, second quarter (MB)"] = round(early / 1e6)
    figures["memory, last quarter (MB)"] = round(late / 1e6)
    figures["memory measured for (min)"] = round(samples[-1][0] / 60, 1)
    if late > early * (1 + GROWTH) + SLACK:
        check.miss(f"it grew from {early / 1e6:.0f} to {late / 1e6:.0f} MB")
    return check


def nobody_fell(seen: Seen) -> Check:
    """Workers end when they are told to, and no orchestrator had to restart one."""
    check = Check("no worker ended by itself or had to be restarted")
    for words in (*seen.ended, *seen.restarted):
        check.miss(words)
    return check


async def same_rows(found: str, wanted: str, answered: Sequence[str]) -> list[Check]:
    """Two databases row for row: events, tickets, counts. answered: conversations with replies of
    a person, whose moment is of the run.
    """
    checks = []
    for name, query in _COMPARED.items():
        check = Check(f"{name} equal those of an undisturbed run, row for row")
        left, right = _digests(found, query, answered), _digests(wanted, query, answered)
        await compare(check, left, right)
        checks.append(check)
    return checks


_EVENTS_OF_RUN = "'{received_at}'::text[]"
_TICKETS_OF_RUN = "'{" + ",".join(ARRIVAL) + "}'::text[]"
_COMPARED = {
    "events": f"""
        select id, to_jsonb(e) - {_EVENTS_OF_RUN} as row from events e
        where id not like 'file:%' order by id collate "C" """,
    "tickets": f"""
        select id, to_jsonb(t) - {_TICKETS_OF_RUN} as row from tickets t
        where not split_part(id, ' ', 1) = any($1) order by id collate "C" """,
    "counts": """
        select concat_ws(' ', brand, topic, extract(epoch from minute)::bigint) as id,
               jsonb_build_array(sum(events), sum(negative), sum(complaints),
                                 sum(dissatisfaction_sum)) as row
        from signal_counts group by brand, topic, minute having sum(events) <> 0
        order by concat_ws(' ', brand, topic, extract(epoch from minute)::bigint) collate "C" """,
}


async def _digests(url: str, query: str, answered: Sequence[str]) -> AsyncIterator[tuple[str, str]]:
    connection = await asyncpg.connect(dsn(url), server_settings={"timezone": "UTC"})
    arguments = [list(answered)] if "$1" in query else []
    try:
        async with connection.transaction():
            async for row in connection.cursor(query, *arguments, prefetch=500):
                yield row["id"], row["row"]
    finally:
        await connection.close()


async def compare(check: Check, left: Any, right: Any) -> None:
    """Both in the order of their ids."""
    a, b = await anext(left, None), await anext(right, None)
    while a is not None or b is not None:
        check.amount += 1
        if b is None or (a is not None and a[0] < b[0]):
            check.miss(f"{a[0]} is too much")
            a = await anext(left, None)
        elif a is None or b[0] < a[0]:
            check.miss(f"{b[0]} is missing")
            b = await anext(right, None)
        else:
            if a[1] != b[1]:
                check.miss(f"{a[0]}: {_difference(json.loads(a[1]), json.loads(b[1]))}")
            a, b = await anext(left, None), await anext(right, None)


def _difference(found: Any, wanted: Any) -> str:
    if not isinstance(found, Mapping):
        return f"{found}, should be {wanted}"
    names = [name for name in wanted if found.get(name) != wanted[name]]
    return "; ".join(
        f"{name} is {str(found.get(name))[:200]}, should be {str(wanted[name])[:200]}"
        for name in names
    )


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
