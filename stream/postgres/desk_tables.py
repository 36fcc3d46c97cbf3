"""Tables of the desk's own work: settings, canned answers, people, notices, ratings, shadows."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

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

desk_controls = Table(
    "desk_controls",
    metadata,
    Column("name", Text, primary_key=True),
    Column("subject", Text, primary_key=True, server_default=""),
    Column("value", JSONB, nullable=False),
    Column("secrets", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

desk_control_changes = Table(
    "desk_control_changes",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", JSONB(none_as_null=True)),
    Column("after", JSONB(none_as_null=True)),
    Column("secrets", ARRAY(Text), nullable=False),
    Column("goes_back_to", BigInteger, ForeignKey("desk_control_changes.id")),
)

desk_promises = Table(
    "desk_promises",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("level", Text, primary_key=True),
    Column("minutes", Integer, nullable=False),
)

attendance = Table(
    "attendance",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seen_at", Moment, nullable=False),
    Column("away", Boolean, nullable=False),
    Column("last_dealt_at", Moment),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
)

ratings = Table(
    "ratings",
    metadata,
    Column("reply_id", BigInteger, ForeignKey("replies.id", ondelete="CASCADE"), primary_key=True),
    Column("ticket_id", Text, nullable=False),
    Column("brand", Text),
    Column("rating", SmallInteger, nullable=False),
    Column("rated_at", Moment, nullable=False),
)

saved_queries = Table(
    "saved_queries",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("statement", Text, nullable=False),
    Column("chart", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

conversation_merges = Table(
    "conversation_merges",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("into_conversation", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

event_places = Table(
    "event_places",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("said_in", Text, nullable=False),
    Column("conversation", Text),
    Column("brand", Text),
    Column("at", Moment, nullable=False),
)

shadows = Table(
    "shadows",
    metadata,
    Column("version", Text, primary_key=True),
    Column("share", Float(53), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("looked_at", Moment, nullable=False),
    Column("stopped_at", Moment),
    Column("messages", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
)

shadow_counts = Table(
    "shadow_counts",
    metadata,
    Column("version", Text, ForeignKey("shadows.version", ondelete="CASCADE"), primary_key=True),
    Column("in_use", Text, primary_key=True),
    Column("brand", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("shadow_label", Text, primary_key=True),
    Column("messages", Integer, nullable=False),
    Column("examples", ARRAY(Text), nullable=False),
)
