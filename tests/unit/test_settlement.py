"""Whether a customer's last word settles a conversation: by the head, and by words alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stream.triage.fold import fold
from stream.triage.settlement import HEAD_CLOSES, HEAD_LOWERS, needs_person, unsettled
from stream.triage.ticket import Message

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
DOWN = "@VoltLine my internet is down since Monday and nobody answers me"
SMOKE = "@VoltLine smoke is coming out of your router and it burns my hand"


def conversation(*turns: str | Message) -> list[Message]:
    """Messages a minute apart; what begins with `>` the brand wrote."""
    history: list[Message] = []
    for at, turn in enumerate(turns):
        if isinstance(turn, str):
            is_brand = turn.startswith(">")
            turn = Message(
                id=f"x:{at}",
                conversation="x:0",
                kind="tweet",
                direction="outbound" if is_brand else "inbound",
                occurred_at=NOON,
                text=turn.removeprefix(">").strip(),
                author="voltline" if is_brand else "ada",
                brand="VoltLine",
            )
        history.append(replace(turn, id=f"x:{at}", occurred_at=NOON + timedelta(minutes=at)))
    return history


def said(text: str, author: str = "ada", **more) -> Message:
    return replace(conversation(text)[0], author=author, **more)


@pytest.mark.parametrize(
    "word",
    [
        "All works again, thanks!",
        "It's fixed now, thank you so much 😊",
        "All sorted now, cheers",
        "No worries, found it! Thanks",
        "Never mind, it is back up now. Thank you!",
        "Thank you, all good now! 👍",
    ],
)
def test_a_settled_conversation_closes_at_the_lowest_level(word):
    before = fold(conversation(DOWN, "> Please try to restart the router"))
    after = fold(conversation(DOWN, "> Glad to hear it! Have a great day", word))

    assert before.settled_at is None
    assert before.level in ("P1", "P2", "P3")
    assert after.settled_at == NOON + timedelta(minutes=2)
    assert after.level == "P4"
    assert [factor.words for factor in after.factors if factor.name == "sorted"]


@pytest.mark.parametrize(
    "word",
    [
        "Thanks, but it still does not work",
        "Thanks. When will it be fixed?",
        "Thank you! Can you also tell me how to get a refund?",
        "ok thanks, any update though?",
        "Great, another week without internet. Thanks for nothing",
        "Not sorted, still down",
        "When will it be sorted?",
        "Thanks, I will call you, the problem is not solved",
        "?",
        "it is still down",
    ],
)
def test_thanks_that_still_ask_stay_open(word):
    before = fold(conversation(DOWN, "> Please restart the router"))
    after = fold(conversation(DOWN, "> Please restart the router", word))

    assert after.settled_at is None
    assert after.level <= before.level  # P1 is the highest


def test_a_question_asked_a_moment_before_the_thanks_still_waits():
    history = conversation(DOWN, "> Restart it please", "Can you send an engineer?", "Thanks!")

    assert fold(history).settled_at is None


@pytest.mark.parametrize(
    ("word", "closes"),
    [
        ("Okay, thanks for your help!", True),
        ("thank you for your prompt reply", True),
        ("thanks for all your patience with me", True),
        ("it finally worked in the other browser", True),
        ("its ok, I got my refund", True),
        ("wow that was fast!", True),
        ("thanks for your lies", False),
        ("thank you for the terrible service", False),
        ("thanks for nothing", False),
    ],
)
def test_thanks_for_help_speak_for_it_and_thanks_for_lies_do_not(word, closes):
    last = said(word, settled=0.6)

    assert (fold(conversation(DOWN, "> Sorry!", last)).settled_at is not None) is closes


@pytest.mark.parametrize(
    ("word", "closes"),
    [
        ("found the cable behind the shelf, ta", True),
        ("it is at the door, merci", True),
        ("nvm, the app just let me in", True),
        ("oh so it is", True),
        ("right you are", True),
        ("sorry to bother you, it was the fuse", True),
        ("card unlocked, off to the market", True),
        ("the internet is back", True),
        ("my bad, I meant flight 2584", False),
        ("get my card unlocked", False),
        ("not restored", False),
        ("your TV is back to front", False),
        ("my phone is back in your shop for the third time", False),
        ("the power is back and smoke is coming from the socket", False),
        ("the noise on the line, it is back again", False),
        ("the same problem is back again", False),
        ("Sorry to bother you, but my line is down", False),
        ("sorry for the trouble but the box blinks red", False),
        ("Forget it, I'm leaving", False),
        ("forget it, I am done with you", False),
        ("the internet is back again", True),
    ],
)
def test_other_words_for_thanks_and_for_over_speak_for_it_too(word, closes):
    last = said(word, settled=0.6)

    assert (fold(conversation(DOWN, "> Sorry!", last)).settled_at is not None) is closes


def test_the_head_decides_where_it_read_the_message():
    open_word = said("All works again, thanks!", settled=0.05)
    settled_word = said("Thanks, the engineer rang at ten", settled=0.97)
    wordless = said("The engineer rang at ten", settled=0.97)
    asking = said("Thanks, when will the engineer ring?", settled=0.97)

    assert fold(conversation(DOWN, "> Sorry!", open_word)).settled_at is None
    assert fold(conversation(DOWN, "> Sorry!", settled_word)).settled_at is not None
    assert fold(conversation(DOWN, "> Sorry!", wordless)).settled_at is None
    assert fold(conversation(DOWN, "> Sorry!", asking)).settled_at is None


def test_what_is_less_sure_falls_to_the_lowest_level_and_stays_open():
    word = said(
        "Thank you, I will see whether it holds",
        settled=(HEAD_CLOSES + HEAD_LOWERS) / 2,
        levels=(0.9, 0.2, 0.0, 0.0),
    )

    ticket = fold(conversation(DOWN, "> Sorry!", word))

    assert (ticket.level, ticket.settled_at) == ("P4", None)


def test_the_next_message_opens_it_again_and_weighs_as_before():
    settled = conversation(DOWN, "> Glad!", "All works again, thanks!")
    again = conversation(*settled, "and now it is down again, nobody answers me")

    assert fold(again).settled_at is None
    assert fold(again).level == fold(conversation(DOWN)).level


@pytest.mark.parametrize(
    "later",
    [
        "> You're welcome! Is everything still down? Is your mother alone? Call us, it is urgent",
        "I love you guys, best company ever!",
        "Breaking news: thousands without power, officials say",
        "Win a free iPhone, click here https://spam.example",
        "RT @VoltLine: outage in the north",
        said("so glad for you!", author="grace"),
        said("Win a free iPhone, click here https://spam.example", author="shop"),
    ],
)
def test_agents_praise_news_and_adverts_never_open_it(later):
    settled = conversation(DOWN, "> Glad to hear it!", "All works again, thank you!")

    ticket = fold([*settled, *conversation(*settled, later)[3:]])

    assert ticket.settled_at is not None
    assert ticket.level == "P4"


def test_somebody_else_who_needs_help_keeps_it_open_until_they_say_so_too():
    ada = conversation(DOWN, said("my line is dead too and nobody answers", author="grace"))
    one = conversation(*ada, "> Better now?", "All works again, thanks!")
    both = conversation(*one, said("Fixed here too, thank you so much!", author="grace"))

    assert fold(one).settled_at is None
    assert fold(both).settled_at is not None


def test_a_stranger_settles_nothing():
    word = said("All works again, thanks!", author="grace", settled=0.99)

    assert fold(conversation(DOWN, word)).settled_at is None


@pytest.mark.parametrize(
    "word",
    [
        said("Thanks, there is still smoke coming out of it", settled=0.99),
        said("Thank you, I burnt my hand badly", settled=0.99),
        said("Thanks. I want to end my life", settled=0.99),
    ],
)
def test_thanks_end_no_danger(word):
    assert fold(conversation(SMOKE, "> Please unplug it", word)).settled_at is None


def test_danger_ends_by_plain_words():
    word = said("All good now, the smoke is gone, thank you!", settled=0.9)

    assert fold(conversation(SMOKE, "> Please unplug it", word)).settled_at is not None


def test_one_message_alone_settles_nothing_before_it():
    ticket = fold([said("it is down since Monday and nobody answers", settled=0.99)])

    assert ticket is not None
    assert ticket.settled_at is None


def test_undone_it_weighs_exactly_what_it_weighed():
    history = conversation(DOWN, "> Glad!", "All works again, thanks!")
    before = fold(history[:2])

    undone = unsettled(fold(history))

    assert (undone.priority, undone.level) == (before.priority, before.level)
    assert undone.factors == before.factors
    assert undone.settled_at is None


def test_any_order_of_the_messages_settles_alike():
    history = conversation(DOWN, "> Glad!", "All works again, thanks!", "> Bye!")

    assert fold(history) == fold(history[::-1]) == fold([history[at] for at in (2, 0, 3, 1)])


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("it is down again", True),
        ("??", True),
        ("https://pictures.example/1", True),
        ("thank you so much, you are great!", False),
        ("👍", False),
        ("Win a free iPhone, click here https://spam.example", False),
    ],
)
def test_praise_thanks_and_adverts_open_nothing(text, needs):
    assert needs_person(said(text)) is needs
