"""Tables of the desk's own work: canned answers, links of people, notices, daily summaries."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Date, Integer, Table, Text

from stream.postgres.tables import Moment, metadata

canned_replies = Table(
    "canned_replies",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("brand", Text),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("changed_by", Text, nullable=False),
)

person_links = Table(
    "person_links",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("network", Text, nullable=False),
    Column("handle", Text, nullable=False),
    Column("other_network", Text, nullable=False),
    Column("other_handle", Text, nullable=False),
    Column("alike", Boolean, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("undone_by", Text),
    Column("undone_at", Moment),
)

notices = Table(
    "notices",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("person", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ticket_id", Text, nullable=False),
    Column("place", Integer),
    Column("actor", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("read_at", Moment),
)

daily_summaries = Table(
    "daily_summaries",
    metadata,
    Column("sink", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("answer", Text),
    Column("updated_at", Moment, nullable=False),
)
