"""Statements on the table of replies: what waits for a draft, and what may be replaced."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import Insert

from stream.postgres.tables import replies

BY_HAND = "a person"  # in place of a model's version
AUTOMATIC = "automatic"  # in place of a person's name, where a brand's rule approved
LATEST_SENT, MOST_ALIKE = 2_000, 3  # replies that are looked at, and that a draft may follow
FARTHEST = 0.3  # cosine distance of two messages that one reply may answer
LATELY = timedelta(days=7)  # a text that the brand sent within this time is not sent again

# As it was drafted, by a model or for an incident: no person wrote, changed or approved it.
UNTOUCHED = and_(
    replies.c.state == "draft",
    replies.c.text == replies.c.drafted,
    replies.c.model_version.is_distinct_from(BY_HAND),
    func.coalesce(replies.c.approved_by, AUTOMATIC) == AUTOMATIC,
    func.jsonb_array_length(replies.c.pictures) == 0,
)
BY_PERSON = or_(
    replies.c.text != replies.c.drafted,
    replies.c.model_version == BY_HAND,
    replies.c.approved_by != AUTOMATIC,
    func.jsonb_array_length(replies.c.pictures) > 0,
)
# The drafts that were there stay as candidates behind the new ones, each text once.
_MERGED_CANDIDATES = """excluded.candidates || (
  select coalesce(jsonb_agg(earlier.value order by earlier.place), '[]')
  from jsonb_array_elements(replies.candidates) with ordinality as earlier (value, place)
  where not exists (
    select from jsonb_array_elements(excluded.candidates) as new (value)
    where new.value ->> 'text' = earlier.value ->> 'text'
  )
)"""
# The message to answer is the customer's last one, of a ticket that still waits. Where it has a
# draft, or a later one has, the ticket needs no other: an answer to an older message would show the
# customer that nobody saw the last one. What a colleague wrote down of a call has no network to be
# answered on: the last written message is answered.
# replaceable: drafts that count as none.
UNANSWERED = text("""
    select last.*, present.text as replaces from (
      select distinct on (t.id) t.id as ticket_id, t.level, e.id as event_id, e.revision, e.text,
             e.network, e.brand, e.topic, e.problem, e.sentiment, e.severity, e.scores, e.author,
             e.conversation, e.occurred_at
      from tickets t join events e on e.conversation = split_part(t.id, ' ', 1)
        and (e.brand is not distinct from t.brand or e.brand is null and not exists (
          select from events other
          where other.conversation = e.conversation and other.brand <> t.brand
        ))
      where t.id = any(:tickets) and t.answered_at is null
        and t.state not in ('resolved', 'settled')
        and e.direction = 'inbound' and e.kind in ('tweet', 'complaint') and e.network <> 'note'
        and (:unread or not e.abstained)
      order by t.id, e.occurred_at desc, e.id desc
    ) last
    left join replies present
      on present.ticket_id = last.ticket_id and present.event_id = last.event_id
    where not exists (
      select from replies r join events a on a.id = r.event_id
      where r.ticket_id = last.ticket_id
        and (a.occurred_at, a.id) >= (last.occurred_at, last.event_id)
        and not (r.id = any(:replaceable))
    )
    order by ticket_id
""").bindparams(
    bindparam("tickets", type_=ARRAY(Text)), bindparam("replaceable", type_=ARRAY(BigInteger))
)
# Tickets whose last message has no draft. The advisory locks end with the transaction: processes
# that draft side by side take different tickets, and those of a process that died come back.
CLAIM = text("""
    with waiting as materialized (
      select t.id, t.version from tickets t
      where t.answered_at is null and t.state not in ('resolved', 'settled')
        and t.priority >= :minimum
        and (not :recent or t.updated_at > now() - interval '1 minute')
        and not exists (
          select
          from unnest(cast(:tickets as text[]), cast(:versions as bigint[])) as x (id, version)
          where x.id = t.id and x.version = t.version
        )
        and not exists (
          select from replies r join events e on e.id = r.event_id
          where r.ticket_id = t.id and e.occurred_at >= t.last_inbound_at
        )
      order by t.priority desc, t.received_at limit 20 * :limit
    )
    select id, version from waiting
    where pg_try_advisory_xact_lock(hashtextextended('earshot draft ' || id, 0))
    limit :limit
""")
SUPERSEDED = text("""
    update replies
    set state = 'discarded', reason = 'the customer wrote again', updated_at = now(),
        version = version + 1, changed_by = 'earshot'
    where state = 'draft' and ticket_id = any(:tickets) and not (id = any(:new))
""").bindparams(bindparam("tickets", type_=ARRAY(Text)))
# The replies that people sent to messages like these, of the same brand and topic, the nearest
# first. Only of the latest, so that it costs the same however many were ever sent; the other
# messages are those of the same model, for vectors of two models cannot be compared.
PAST = text(f"""
    with sent as materialized (
      select r.brand, r.text as reply, r.event_id from replies r
      where r.state = 'sent' and coalesce(r.approved_by, '{AUTOMATIC}') <> '{AUTOMATIC}'
      order by r.id desc limit :latest
    )
    select asked.id, near.message, near.reply
    from events asked cross join lateral (
      select e.text as message, sent.reply, asked.embedding <=> e.embedding as distance
      from sent join events e on e.id = sent.event_id
      where sent.brand is not distinct from asked.brand and e.topic is not distinct from asked.topic
        and e.model_version = asked.model_version and e.embedding is not null
        and e.text is not null and e.id <> asked.id
      order by distance limit :most
    ) near
    where asked.id = any(:events) and asked.embedding is not null and near.distance <= :farthest
    order by asked.id, near.distance
""").bindparams(bindparam("events", type_=ARRAY(Text)))  # noqa: S608  our own words
EDITS = text("""
    select e.text as customer_text, r.drafted as draft, r.text as final, r.brand
    from replies r join events e on e.id = r.event_id and e.text is not null
    where r.state in ('approved', 'sending', 'sent') and r.drafted <> '' and r.drafted <> r.text
    order by r.id
""")


def texts_lately(brand: str | None, exclude: int) -> Select[str]:
    """Texts of the brand that were sent within LATELY, or are about to be."""
    return select(replies.c.text).where(
        replies.c.brand.is_not_distinct_from(brand),
        replies.c.state.in_(("approved", "sending", "sent", "uncertain")),
        replies.c.updated_at > func.now() - LATELY,
        replies.c.id != exclude,
    )


def in_place(put: Insert, actor: str) -> Insert:
    """The insert, which also replaces drafts that no person wrote, changed or approved."""
    new = put.excluded
    return put.on_conflict_do_update(
        index_elements=["ticket_id", "event_id"],
        set_={
            "text": new.text,
            "drafted": new.drafted,
            "model_version": new.model_version,
            "revision": new.revision,
            "candidates": literal_column(_MERGED_CANDIDATES),
            "reason": None,
            "approved_by": None,
            "approved_at": None,
            "version": replies.c.version + 1,
            "changed_by": actor,
            "updated_at": func.now(),
        },
        where=UNTOUCHED,
    )
