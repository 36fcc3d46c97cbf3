"""The five questions a support lead asks, as stream/README.md and the SQL page offer them."""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    """What is asked, and the statement over the views that answers it."""

    words: str
    statement: str


QUESTIONS = (
    Question(
        "What must we answer first, and how long have they been waiting?",
        """\
select level, queue_priority, brand, waiting_minutes, sla_left, excerpt
from open_tickets
limit 10""",
    ),
    Question(
        "Where are we late, and by how much?",
        """\
select brand, level, count(*) as late, max(-sla_left) as worst
from open_tickets
where sla_left < interval '0'
group by brand, level
order by worst desc""",
    ),
    Question(
        "How is each brand doing against its own week?",
        """\
select brand, as_of, messages, negative_share, negative_share_before, dissatisfaction,
       open_tickets, open_p1, late
from brand_health""",
    ),
    Question(
        "What makes our urgent tickets urgent?",
        """\
select factor ->> 'name' as reason, count(*) as tickets,
       round(avg((factor ->> 'points')::numeric), 1) as points
from open_tickets, jsonb_array_elements(factors) as factor
where level in ('P1', 'P2')
group by reason
order by tickets desc""",
    ),
    Question(
        "In which hours did customers turn against us?",
        """\
select brand, hour, messages, negative_share, dissatisfaction
from sentiment_hourly
where messages >= 10
order by negative_share desc
limit 10""",
    ),
)
