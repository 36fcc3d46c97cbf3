"""Round robin of new tickets: among who is present, by rules and limits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stream.accounts.users import User
from stream.controls.records import Assignment, Rule
from stream.desk.dealing import Present, Waiting, deal

MORNING = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)


def user(name, role="agent", *brands):
    return User(1, name, role, frozenset(brands) or None, None)


def present(name, open=0, dealt_at=None, role="agent", brands=()):
    return Present(user(name, role, *brands), open, dealt_at)


def ticket(number, brand="SkyNorth", language="en", topic="delay", level="P2"):
    return Waiting(f"x:{number}", brand, language, topic, level)


def names(dealt):
    return [name for _, name in dealt]


def test_tickets_go_round_and_who_waited_longest_begins():
    people = [present("ada", dealt_at=MORNING), present("ben"), present("cleo")]
    dealt = deal([ticket(n) for n in range(6)], people, Assignment(on=True))

    assert names(dealt) == ["ben", "cleo", "ada", "ben", "cleo", "ada"]


def test_nobody_gets_more_than_their_limit_and_the_rest_waits():
    people = [present("ada", open=1), present("ben", open=2), present("cleo")]
    rules = Assignment(on=True, limit=2, limits={"cleo": 0})

    dealt = deal([ticket(n) for n in range(3)], people, rules)

    assert [(t.id, name) for t, name in dealt] == [("x:0", "ada")]


@pytest.mark.parametrize(
    ("rule", "other"),
    [
        ({"brands": ["skynorth"]}, ticket(2, brand="VoltLine")),
        ({"languages": ["en"]}, ticket(2, language="de")),
        ({"topics": ["delay"]}, ticket(2, topic="billing")),
        ({"levels": ["P2"]}, ticket(2, level="P1")),
        ({"brands": ["SkyNorth"], "levels": ["P2"]}, ticket(2, level="P3")),
        ({"languages": ["en"]}, ticket(2, language=None)),
    ],
)
def test_the_first_rule_that_fits_says_who(rule, other):
    rules = Assignment(on=True, rules=[Rule(agents=["ben"], **rule), Rule(agents=["ada"])])

    dealt = deal([ticket(1), other], [present("ada"), present("ben")], rules)

    assert names(dealt) == ["ben", "ada"]


def test_a_rule_whose_people_are_away_keeps_its_tickets_waiting():
    rules = Assignment(on=True, rules=[Rule(agents=["eve"], brands=["SkyNorth"])])

    dealt = deal([ticket(1), ticket(2, brand="VoltLine")], [present("ada")], rules)

    assert [(t.id, name) for t, name in dealt] == [("x:2", "ada")]


def test_without_others_a_ticket_that_no_rule_fits_waits():
    rules = Assignment(on=True, unmatched=False, rules=[Rule(topics=["billing"])])

    assert deal([ticket(1)], [present("ada")], rules) == []


def test_who_could_not_work_on_a_ticket_does_not_get_it():
    people = [
        present("vic", role="viewer"),
        present("sky", brands=("VoltLine",)),
        present("ada", brands=("SkyNorth",)),
    ]
    dealt = deal([ticket(1), ticket(2, brand="VoltLine"), ticket(3, brand=None)], people, RULES)

    assert [(t.id, name) for t, name in dealt] == [("x:1", "ada"), ("x:2", "sky")]


RULES = Assignment(on=True)
