-- The views that people read. Made anew by `earshot migrate` whenever this file changes.
-- security_invoker: a view shows its reader no more than the reader's own rights on the tables do.

drop view if exists open_tickets, settled_tickets, ticket_history, sentiment_hourly, brand_health;

-- The queue, most urgent first: every ticket that is neither resolved, settled nor asleep, with what moves with the clock.
--   sla_due_at       first answer promised by then: P1 15 minutes, P2 1 hour, P3 4 hours, P4 1 day of the brand's working
--                    time after it was received, or as an admin set it
--   sla_left         what is left of it; negative when it is late; empty once the brand has answered
--   waiting_minutes  since the customer's first message that has no answer yet
--   other_contacts   open tickets of the same author, received in the last 7 days
--   queue_priority   priority + up to 20 points as the SLA runs out + 5 for each other contact (10 at most), 0-100
create view open_tickets with (security_invoker = true) as
with unresolved as (
    select
        tickets.*,
        coalesce(own.minutes, everybody.minutes) as promised_minutes,
        case when tickets.author is null then 0
             else count(*) filter (where tickets.received_at > now() - interval '7 days')
                      over (partition by tickets.network, tickets.author)
                  - (tickets.received_at > now() - interval '7 days')::integer
        end as other_contacts
    from tickets
    -- As promised(level, brand) says, which would be called for every ticket.
    left join desk_promises own on own.brand = tickets.brand and own.level = tickets.level
    left join desk_promises everybody on everybody.brand = '' and everybody.level = tickets.level
    where tickets.state not in ('resolved', 'settled')
      and not (tickets.state = 'snoozed' and tickets.snoozed_until > now())
)
select
    id,
    brand,
    level,
    least(
        100,
        priority
        + case when answered_at is null then sla_points(level, sla_due_at, promised_minutes) else 0 end
        + least(10, 5 * other_contacts)
    )::integer as queue_priority,
    priority,
    state,
    owner,
    author,
    topic,
    problem,
    sentiment,
    dissatisfaction,
    needs_look,
    excerpt,
    factors,
    messages,
    (extract(epoch from now() - waiting_since) / 60)::integer as waiting_minutes,
    sla_due_at,
    case when answered_at is null then date_trunc('second', sla_due_at - now()) end as sla_left,
    other_contacts,
    tags,
    notes,
    network,
    first_at,
    last_inbound_at,
    answered_at,
    received_at,
    snoozed_until,
    version,
    edits,
    updated_at,
    unread_language
from unresolved
order by
    answered_at is not null,
    queue_priority desc,
    -- many reasons meet at 100: the sum before the cut tells the gravest of them apart
    (select sum((factor ->> 'points')::numeric) from jsonb_array_elements(factors) as factor) desc,
    received_at,
    id;

-- Tickets that the customer's own last word closed, the latest first. A person may re-open each; the next message does.
--   settled_at      when they wrote that the matter is over
--   priority_before what the conversation weighs without that word
create view settled_tickets with (security_invoker = true) as
select
    id,
    brand,
    level,
    (select least(100, greatest(0, round(sum((factor ->> 'points')::numeric))))
     from jsonb_array_elements(factors) as factor
     where factor ->> 'name' <> 'sorted')::integer as priority_before,
    settled_at,
    owner,
    author,
    topic,
    excerpt,
    messages,
    network,
    received_at,
    answered_at,
    version,
    edits,
    updated_at
from tickets
where state = 'settled'
order by settled_at desc, id;

-- What happened to a ticket, a row a change: who (a person, or earshot itself), why, and old and new values.
create view ticket_history with (security_invoker = true) as
select ticket_id, version, changed_at, kind, who, reason, changes
from ticket_changes
order by ticket_id, version;

-- How customers felt, hour by hour and brand by brand (UTC). negative_share: of the messages that could be judged.
create view sentiment_hourly with (security_invoker = true) as
select
    brand,
    date_trunc('hour', occurred_at, 'UTC') as hour,
    count(*) as messages,
    count(*) filter (where sentiment = 'negative') as negative,
    count(*) filter (where sentiment = 'neutral') as neutral,
    count(*) filter (where sentiment = 'positive') as positive,
    round(count(*) filter (where sentiment = 'negative')::numeric / nullif(count(sentiment), 0), 3) as negative_share,
    round(avg(dissatisfaction), 1) as dissatisfaction
from events
where direction = 'inbound' and kind <> 'deleted'
group by brand, hour
order by brand, hour;

-- One row a brand: its last 24 hours against the 7 days before them, and the work that is open.
--   as_of  the brand's latest minute with a message: a replay of old messages is judged by its own days, not by today's
create view brand_health with (security_invoker = true) as
with latest as (
    select brand, max(minute) as as_of
    from signal_counts
    where events > 0 and minute < now() + interval '1 day'
    group by brand
),
recent as (
    select
        latest.brand,
        latest.as_of,
        coalesce(sum(events) filter (where day), 0) as messages,
        sum(negative) filter (where day) as negative,
        sum(complaints) filter (where day) as complaints,
        sum(dissatisfaction_sum) filter (where day) / nullif(sum(events) filter (where day), 0) as dissatisfaction,
        sum(negative) filter (where not day)::numeric / nullif(sum(events) filter (where not day), 0) as negative_before
    from latest
    join signal_counts using (brand)
    cross join lateral (select minute > latest.as_of - interval '24 hours' as day) as age
    where minute > latest.as_of - interval '8 days' and minute <= latest.as_of
    group by latest.brand, latest.as_of
),
open_work as (
    select
        coalesce(brand, '') as brand,
        count(*) as open_tickets,
        count(*) filter (where level = 'P1') as open_p1,
        count(*) filter (where sla_left < interval '0') as late
    from open_tickets
    group by 1
)
select
    nullif(recent.brand, '') as brand,
    as_of,
    messages,
    negative,
    round(negative::numeric / nullif(messages, 0), 3) as negative_share,
    round(negative_before, 3) as negative_share_before,
    complaints,
    round(dissatisfaction, 1) as dissatisfaction,
    coalesce(open_tickets, 0) as open_tickets,
    coalesce(open_p1, 0) as open_p1,
    coalesce(late, 0) as late
from recent
left join open_work using (brand)
order by open_p1 desc, negative_share desc nulls last, brand;
