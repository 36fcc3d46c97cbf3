"""SQL of incidents: what a look reads, who joins and leaves, and how an incident is described."""

from __future__ import annotations

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from stream.incidents.clustering import LONGEST
from stream.postgres.tables import Halfvec, Moment, incidents

TICKET = text("select brand from tickets where id = :id")
MOMENT = text("""
    select coalesce(
        (select min(xact_start) from pg_stat_activity
         where datname = current_database() and backend_xid is not null),
        now()
    )
""")
FREE = """
    not exists (
        select from incident_tickets i
        where i.ticket_id = t.id and (i.state = 'joined' or i.who <> 'earshot')
    )
"""
CHANGED = text(f"""
    select t.brand, min(t.first_at) as first, max(t.last_inbound_at) as last
    from tickets t
    where t.brand is not null and (cast(:since as timestamptz) is null or t.updated_at >= :since)
      and {FREE}
    group by t.brand
""")  # noqa: S608  our own words
# The message of a ticket that was read as the angriest.
ANGRIEST = """
    lateral (
        select e.occurred_at, e.model_version, e.embedding
        from events e
        where e.conversation = split_part(t.id, ' ', 1) and coalesce(e.brand, t.brand) = t.brand
          and e.direction = 'inbound' and e.embedding is not null
        order by e.dissatisfaction desc nulls last, e.occurred_at, e.id
        limit 1
    ) angriest
"""
TIMED = text("""
    select t.id, t.updated_at, i.incident_id as incident,
           exists (
               select from incident_tickets p where p.ticket_id = t.id and p.who <> 'earshot'
           ) as settled
    from tickets t
    left join incident_tickets i on i.ticket_id = t.id and i.state = 'joined'
    where t.brand = any(cast(:brands as text[])) and t.first_at between :first and :last
    order by t.first_at desc, t.id
    limit :limit
""")
DETAILS = text(f"""
    select t.id, t.updated_at, t.brand, t.problem, t.topic, t.author,
           coalesce(angriest.occurred_at, t.first_at) as at,
           angriest.model_version as model, angriest.embedding
    from unnest(cast(:tickets as text[])) as wanted (id)
    join tickets t on t.id = wanted.id
    left join {ANGRIEST} on true
""").columns(embedding=Halfvec(), at=Moment)  # noqa: S608  our own words
# Those of an incident are usual again some hours later.
PAST_TICKETS = f"""
    from tickets t
    where t.brand = :brand and t.first_at < :moment
      and t.first_at >= cast(:moment as timestamptz) - make_interval(days => :days)
      and ({FREE} or t.first_at < cast(:moment as timestamptz) - interval '{LONGEST} seconds')
"""
PAST_HOURS = text(f"""
    select extract(hour from t.first_at at time zone 'UTC')::int as hour,
           count(*)::int as tickets, min(t.first_at) as first
    {PAST_TICKETS} group by 1
""")  # noqa: S608  our own words
PAST = text(f"""
    select t.id, t.updated_at {PAST_TICKETS} order by t.first_at desc, t.id limit :limit
""")
KNOWN = text("""
    select id, brand, problem, topic, model_version, embedding, started_at, last_at,
           coalesce((evidence ->> 'tickets')::int, 0) as size
    from incidents
    where brand = any(cast(:brands as text[])) and embedding is not null
      and last_at >= :first and started_at <= :last
    order by started_at, id
""").columns(embedding=Halfvec())
JOIN = text("""
    insert into incident_tickets (incident_id, ticket_id, who, likeness)
    select :incident, ticket, 'earshot', likeness
    from unnest(cast(:tickets as text[]), cast(:likeness as real[])) as x (ticket, likeness)
    on conflict do nothing
    returning ticket_id
""")
CLOSE = text("""
    update incidents set ended_at = last_at, version = version + 1, updated_at = now()
    where ended_at is null and last_at < now() - cast(:before as interval)
      and updated_at < now() - interval '1 minute'
    returning id, evidence
""").columns(evidence=JSONB)
EVIDENCE = select(incidents.c.evidence).where(incidents.c.id == bindparam("incident"))
P1 = text("""
    select count(*) from tickets where id = any(cast(:tickets as text[])) and level = 'P1'
""")
COUNT = text("""
    update incidents
    set severity = cast(:severity as smallint),
        evidence = evidence || jsonb_build_object(
            'tickets', cast(:tickets as integer), 'p1', cast(:p1 as integer)
        ),
        version = version + 1,
        updated_at = now()
    where id = :incident and cast(evidence ->> 'tickets' as integer) <> :tickets
""")
LEAVE_OTHERS = text("""
    update incident_tickets set state = 'left', who = :who, changed_at = now()
    where ticket_id = :ticket and state = 'joined' and incident_id <> :incident
    returning incident_id
""")
NEVER_JOINED = text("""
    delete from incident_tickets where incident_id = :incident and ticket_id = :ticket
""")
EXCERPTS = text("""
    select t.id, t.level, t.excerpt as text, coalesce(t.author, t.id) as author
    from incident_tickets i join tickets t on t.id = i.ticket_id
    where i.incident_id = :incident and i.state = 'joined'
""")
OTHER_EXCERPTS = text("""
    select t.id, t.excerpt as text, coalesce(t.author, t.id) as author
    from tickets t
    where not exists (
        select from incident_tickets i where i.ticket_id = t.id and i.incident_id = :incident
    )
    order by t.updated_at desc
    limit 1000
""")
DESCRIBE = text("""
    update incidents
    set title = coalesce(problem, topic, 'many tickets') || cast(:suffix as text),
        severity = cast(:severity as smallint),
        evidence = now_said.evidence,
        version = version + 1,
        updated_at = now()
    from (
        select jsonb_build_object(
            'words', cast(:words as text[]), 'tickets', cast(:tickets as integer),
            'p1', cast(:p1 as integer), 'described', cast(:tickets as integer)
        ) as evidence
    ) now_said
    where id = :incident
      and (severity, incidents.evidence)
          is distinct from (cast(:severity as smallint), now_said.evidence)
""")
LIST = text("""
    select n.id, n.brand, n.problem, n.topic, n.title, n.severity, n.started_at, n.last_at,
           n.ended_at, n.version, coalesce(now_in.tickets, 0) as tickets,
           coalesce(now_in.open, 0) as open, coalesce(now_in.p1, 0) as p1
    from incidents n
    left join lateral (
        select count(*) as tickets,
               count(*) filter (where t.state not in ('resolved', 'settled')) as open,
               count(*) filter (where t.level = 'P1') as p1
        from incident_tickets i join tickets t on t.id = i.ticket_id
        where i.incident_id = n.id and i.state = 'joined'
    ) as now_in on true
    where (cast(:brand as text) is null or n.brand = :brand)
      and (cast(:id as text) is null or n.id = :id)
      and (cast(:brands as text[]) is null or n.brand = any(cast(:brands as text[])))
    order by n.last_at desc, n.id
    limit :limit
""")
MEMBERS = text("""
    select i.ticket_id, i.state, i.who, i.likeness, i.changed_at, t.level,
           t.state as ticket_state, t.excerpt
    from incident_tickets i left join tickets t on t.id = i.ticket_id
    where i.incident_id = :incident
    order by i.state, t.priority desc nulls last, i.ticket_id
""")
