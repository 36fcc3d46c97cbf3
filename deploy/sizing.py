"""How fast one worker is and how much the database grows, measured: `python deploy/sizing.py
--events 100000`.

Made-up conversations of two brands go through a worker on the embedded parts, in a home of their
own; printed are the events a second and the bytes that each table and its indexes took, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.events import Tweet, encode

BRANDS = ("SkyNorth", "VoltLine")
A_DAY = 50_000  # events
CUSTOMER = (
    (
        "@{brand} {who} has been waiting {n} minutes at {place} and nobody tells us anything "
        "about {thing}"
    ),
    "{thing} again, {n} times this week @{brand}. I pay {price} a month for this?",
    (
        "@{brand} order {ref}: {thing} never arrived at {place}, your chat closes on me after "
        "{n} minutes"
    ),
    "can somebody from @{brand} call {who} back about {thing}? reference {ref}, thank you",
    "just landed in {place} with @{brand}, {n} minutes early, lovely crew, thanks for {thing}",
    "@{brand} is {thing} down in {place}? {who} cannot work since {n}:15",
    "cancel my contract @{brand}, {ref}, {thing} has been broken for {n} days and {who} is furious",
    "love how @{brand} fixed {thing} in {n} minutes, {place} says thanks",
)
BRAND = (
    (
        "Hi, sorry to hear about {thing}. We are looking into {ref} and come back to you within "
        "{n} minutes."
    ),
    (
        "Thanks for letting us know! Could you send us your reference for {thing} in a private "
        "message?"
    ),
)
WORDS = {
    "who": ("my mother", "my team", "our office", "my wife", "a colleague", "my neighbour"),
    "place": (
        "gate C30",
        "Leeds",
        "the airport",
        "Porto",
        "our village",
        "terminal 2",
        "Bergen",
        "platform 9",
    ),
    "thing": (
        "the refund",
        "my suitcase",
        "the internet",
        "the app",
        "flight 881",
        "the router",
        "the bill",
        "my seat",
    ),
}
SIZES = """
    select regexp_replace(relname, '_(default|[0-9]{4}_[0-9]{2})$', '') as name,
           sum(pg_relation_size(c.oid))::bigint as rows,
           sum(pg_indexes_size(c.oid))::bigint as indexes,
           sum(pg_total_relation_size(c.oid) - pg_relation_size(c.oid)
               - pg_indexes_size(c.oid))::bigint as toast
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where nspname = 'public' and relkind = 'r'
    group by 1 order by sum(pg_total_relation_size(c.oid)) desc
"""
EMPTY = "select pg_database_size(current_database()) as bytes"
COUNTS = """
    select (select count(*) from events) as events,
           (select count(*) from tickets) as tickets,
           (select count(*) from ticket_changes) as changes,
           (select count(*) from alerts) as alerts,
           (select count(*) from signal_counts) as cells,
           pg_database_size(current_database()) as bytes
"""


def conversations(events: int, seed: int) -> Iterator[Tweet]:
    """Threads of one to five messages, about one in four from the brand, A_DAY of them a day."""
    chance = random.Random(seed)  # noqa: S311  no secret is made of it
    start = datetime(2026, 3, 1, tzinfo=UTC)
    span = events / A_DAY * 86400
    number = 0
    while number < events:
        thread, brand, author = (
            number,
            chance.choice(BRANDS),
            f"user{chance.randrange(events // 3 + 1)}",
        )
        moment = start + timedelta(seconds=chance.uniform(0, span))
        for turn in range(
            min(chance.choices((1, 2, 3, 4, 5), (40, 25, 20, 10, 5))[0], events - number)
        ):
            outbound = turn % 2 == 1 and chance.random() < 0.7
            filled = {name: chance.choice(options) for name, options in WORDS.items()}
            text = chance.choice(BRAND if outbound else CUSTOMER).format(
                brand=brand,
                n=chance.randrange(2, 600),
                ref=f"{chance.randrange(16**6):06X}",
                price="49 euro",
                **filled,
            )
            yield Tweet(
                id=f"sizing:{number}",
                conversation=f"sizing:{thread}",
                occurred_at=moment + timedelta(minutes=7 * turn),
                direction="outbound" if outbound else "inbound",
                author=brand.lower() if outbound else author,
                brand=brand,
                text=text,
            )
            number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earshot-sizing-") as folder:
        file = Path(folder) / "events.jsonl"
        with file.open("wb") as out:
            out.writelines(
                encode(event) + b"\n" for event in conversations(asked.events, asked.seed)
            )
        _earshot(folder, "migrate")
        ((empty,),) = [
            row.values() for row in json.loads(_earshot(folder, "sql", EMPTY, "--format", "json"))
        ]
        started = time.monotonic()
        _earshot(folder, "replay", str(file), "--wait")
        seconds = time.monotonic() - started
        (counts,) = json.loads(_earshot(folder, "sql", COUNTS, "--format", "json"))
        sizes = json.loads(_earshot(folder, "sql", SIZES, "--format", "json"))
    events = counts["events"]
    print(
        json.dumps(
            {
                "events": events,
                "seconds": round(seconds, 1),
                "events_a_second": round(events / seconds),
                "rows": counts,
                "gigabytes_per_million_events": round((counts["bytes"] - empty) / events / 1000, 3),
                "bytes_per_event": {
                    each["name"]: {
                        part: round(each[part] / events) for part in ("rows", "indexes", "toast")
                    }
                    for each in sizes
                    if each["rows"] > events
                },
            },
            indent=2,
        )
    )


def _earshot(home: str, *arguments: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    return subprocess.run(  # noqa: S603  our own arguments
        [sys.executable, "-m", "stream.cli", *arguments],
        env=kept | {"EARSHOT_HOME": home},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


if __name__ == "__main__":
    main()
