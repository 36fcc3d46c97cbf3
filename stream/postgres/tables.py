"""Tables of the database; migrations make them, and a test holds the two against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    TableValuedAlias,
    Text,
    Uuid,
    bindparam,
    column,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine, UserDefinedType

EMBEDDING_WIDTH = 384
Row = Mapping[Any, Any]  # a row by its column names, read or to be written


class Halfvec(UserDefinedType[Any]):
    """pgvector's half-precision vector: bytes of `stream.postgres.database.halfvec_bytes` in, an
    array out.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return f"halfvec({EMBEDDING_WIDTH})"


metadata = MetaData()
Moment = DateTime(timezone=True)

event_ids = Table(
    "event_ids",
    metadata,
    Column("id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("occurred_at", Moment, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("left_conversations", ARRAY(Text)),
    Column("received_at", Moment, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("network", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("direction", Text),
    Column("author", Text),
    Column("brand", Text),
    Column("language", Text),
    Column("followers", BigInteger),
    Column("in_reply_to", Text),
    Column("text", Text),
    Column("trimmed", Text),
    Column("turns", JSONB(none_as_null=True)),
    Column("occurred_at", Moment, primary_key=True),
    Column("received_at", Moment, nullable=False),
    Column("sentiment", Text),
    Column("scores", JSONB(none_as_null=True)),
    Column("severity", SmallInteger),
    Column("dissatisfaction", Numeric(4, 1)),
    Column("topic", Text),
    Column("problem", Text),
    Column("abstained", Boolean, nullable=False),
    Column("embedding", Halfvec()),
    Column("model_version", Text),
)

conversation_stamps = Table(
    "conversation_stamps",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),  # of the conversation's id
    Column("stamp", Uuid, nullable=False),
)

forgotten_ids = Table(
    "forgotten_ids",
    metadata,
    Column("id", Text, primary_key=True),
    Column("was", Text),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("network", Text, nullable=False),
    Column("brand", Text),
    Column("author", Text),
    Column("priority", SmallInteger, nullable=False),
    Column("level", Text, nullable=False),
    Column("factors", JSONB, nullable=False),
    Column("needs_look", Boolean, nullable=False),
    Column("unread_language", Text),
    Column("topic", Text),
    Column("problem", Text),
    Column("sentiment", Text),
    Column("dissatisfaction", Float(53)),
    Column("excerpt", Text, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_inbound_at", Moment, nullable=False),
    Column("answered_at", Moment),
    Column("settled_at", Moment),
    Column("received_at", Moment, nullable=False),
    Column("waiting_since", Moment),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_changed_at", Moment),
    Column("owner", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("notes", JSONB, nullable=False),
    Column("snoozed_until", Moment),
    Column("unsettled_at", Moment),
    Column("by_hand", JSONB(none_as_null=True)),
    Column("edits", Integer, nullable=False),
    Column("sla_due_at", Moment, nullable=False),
)

# What people set, and what tells of one run rather than of the events. The rest is folded.
HUMAN = ("state", "owner", "tags", "notes", "snoozed_until", "unsettled_at", "by_hand")
ARRIVAL = (
    "version",
    "created_at",
    "updated_at",
    "received_at",
    "waiting_since",
    "state_changed_at",
    "sla_due_at",
)

ticket_changes = Table(
    "ticket_changes",
    metadata,
    Column("ticket_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("changed_at", Moment, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changes", JSONB, nullable=False),
    Column("brand", Text),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("brand", Text),
    Column("topic", Text),
    Column("ticket_id", Text),
    Column("severity", SmallInteger, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("peak_at", Moment),
    Column("ended_at", Moment),
    Column("evidence", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("acknowledged_by", Text),
    Column("acknowledged_at", Moment),
    Column("recovered_at", Moment),
    Column("snoozed_by", Text),
    Column("snoozed_until", Moment),
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("sink", Text, primary_key=True),
    Column("alert_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("message", Text),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("answer", Text),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("sent_at", Moment),
)

alert_tickets = Table(
    "alert_tickets",
    metadata,
    Column("alert_id", Text, primary_key=True),
    Column("ticket_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("brand", Text),
    Column("events", ARRAY(Text), nullable=False),
    Column("joined_at", Moment, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("brand", Text),
    Column("topic", Text),
    Column("title", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("evidence", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("problem", Text),
    Column("model_version", Text),
    Column("embedding", Halfvec()),
    Column("last_at", Moment, nullable=False),
)

incident_tickets = Table(
    "incident_tickets",
    metadata,
    Column("incident_id", Text, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("ticket_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("likeness", REAL),
    Column("changed_at", Moment, nullable=False),
)

signal_counts = Table(
    "signal_counts",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("minute", Moment, primary_key=True),
    Column("events", Integer, nullable=False),
    Column("negative", Integer, nullable=False),
    Column("complaints", Integer, nullable=False),
    Column("dissatisfaction_sum", Numeric, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("cluster", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("replayed_at", Moment),
)

cursors = Table(
    "cursors",
    metadata,
    Column("source", Text, primary_key=True),
    Column("cursor", JSONB, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

spend = Table(
    "spend",
    metadata,
    Column("network", Text, primary_key=True),
    Column("brand", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("micros", BigInteger, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE")),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    Column("prefix", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("brands", ARRAY(Text)),
    Column("login", Text),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    Column("must_change_password", Boolean, nullable=False, server_default="false"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

setup_codes = Table(
    "setup_codes",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("expires_at", Moment, nullable=False),
)

failed_logins = Table(
    "failed_logins",
    metadata,
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("device", LargeBinary),
)

login_devices = Table(
    "login_devices",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("used_at", Moment, nullable=False),
)

desk_clocks = Table(
    "desk_clocks",
    metadata,
    Column("brand", Text, primary_key=True),
    Column("time_zone", Text, nullable=False),
)

desk_shifts = Table(
    "desk_shifts",
    metadata,
    Column("brand", Text, ForeignKey("desk_clocks.brand", ondelete="CASCADE"), primary_key=True),
    Column("weekday", SmallInteger, primary_key=True),
    Column("opens", SmallInteger, primary_key=True),
    Column("closes", SmallInteger, nullable=False),
)

corrections = Table(
    "corrections",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("said", Text),
    Column("should_be", Text),
    Column("who", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)

replies = Table(
    "replies",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("ticket_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("model_version", Text),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("approved_by", Text),
    Column("sent_id", Text),
    Column("network", Text, nullable=False),
    Column("brand", Text),
    Column("revision", Integer, nullable=False),
    Column("candidates", JSONB, nullable=False),
    Column("drafted", Text, nullable=False),
    Column("reason", Text),
    Column("approved_at", Moment),
    Column("sending_since", Moment),
    Column("sent_at", Moment),
    Column("url", Text),
    Column("tries", Integer, nullable=False),
    Column("due_at", Moment),
    Column("version", Integer, nullable=False),
    Column("changed_by", Text),
    Column("pictures", JSONB, nullable=False, server_default="[]"),
)

reply_pictures = Table(
    "reply_pictures",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("reply_id", BigInteger, ForeignKey("replies.id", ondelete="CASCADE"), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

saved_views = Table(
    "saved_views",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("query", JSONB, nullable=False),
    Column("shared", Boolean, nullable=False, server_default="false"),
    Column("brands", ARRAY(Text)),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
)

opted_out = Table(
    "opted_out",
    metadata,
    Column("network", Text, primary_key=True),
    Column("author", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("who", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text),
    Column("details", JSONB, nullable=False),
)


def unnested(table: Table, *names: str, of: str = "all") -> TableValuedAlias:
    """Any number of rows in one statement: an array a column, as `arrays` makes them. of: part of
    the parameters' names, where a statement takes rows of several tables.
    """
    types: dict[str, TypeEngine[Any]] = {name: table.c[name].type for name in names}
    arrays = (
        bindparam(f"{of}_{name}", type_=ARRAY(kind, dimensions=1)) for name, kind in types.items()
    )
    columns = [column(name, kind) for name, kind in types.items()]
    return func.unnest(*arrays).table_valued(*columns, name=f"given_{of}").render_derived()


def arrays(rows: Sequence[Row], names: Sequence[str], of: str = "all") -> dict[str, list[Any]]:
    """The parameters for `unnested`."""
    return {f"{of}_{name}": [row[name] for row in rows] for name in names}
