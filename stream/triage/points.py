"""Weights of triage: the points of each sign of urgency, and its words for a support agent.

`earshot evaluate triage --data tests/data/triage_gold_dev.csv` says what a change does. A name is a
group of cues in thesaurus.toml; `a+b` is both groups together.
"""

from __future__ import annotations

from typing import Final

from stream.records import Level

Reasons = dict[str, tuple[int, str]]  # name -> points, and the reason in words

# from this priority on
LEVELS: tuple[tuple[Level, int], ...] = (("P1", 70), ("P2", 40), ("P3", 13), ("P4", 3))
CERTAIN = 6  # below this priority a ticket "needs a look"

# Harm: somebody, or their money, may come to it within minutes. From ENOUGH on, in sum, it is P1;
# below, HINT of it.
HARM: Final[Reasons] = {
    # each enough by itself: the strongest counts in full, each further one adds AGAIN
    "self_harm": (90, "Speaks of ending their life"),
    "emergency_calls": (84, "Emergency calls do not get through"),
    "danger": (80, "Danger"),
    "injury": (80, "Somebody is hurt"),
    "medical": (80, "Somebody is acutely ill or without their medicine"),
    "violence": (78, "Violence or threats"),
    "alone": (78, "Somebody in need of care is alone or missing"),
    "fraud": (74, "Money, account or data in foreign hands"),
    "legal+contact": (74, "Legal steps after several contacts"),
    "press+contact": (74, "Publicity after several contacts"),
    "medicine+outage": (74, "A medical device is cut off"),
    "personal_alarm+outage": (74, "A personal alarm is cut off"),
    "critical_site+outage": (74, "A place where lives depend on it is cut off"),
    # these add up
    "lifeline": (32, "Somebody depends on it"),
    "vulnerable": (20, "Somebody vulnerable is concerned"),
    "critical_site": (20, "A place where lives depend on it"),
    "vulnerable+stranded": (30, "Somebody vulnerable is stranded"),
    "stranded": (20, "Stranded"),
    "addressed": (12, "Speaks to the brand"),
    "unanswered": (6, "Nobody answers them"),
    # these calm
    "enquiry": (-25, "Asks ahead"),
    "figurative": (-20, "Sounds like a figure of speech or small talk"),
    "praise": (-20, "Praises"),
}
ENOUGH, AGAIN = 70, 8
# below so much dissatisfaction (0-100): who is content is in no danger, unless much speaks for it
CALM, CALM_BELOW = -50, 7
# ALARM_AT + ALARM * (how much it reads like messages to see within minutes, -1 to 1)
ALARM, ALARM_AT = 80, 36
HINT = 0.08

# Service: what fails, and what they will do. The strongest counts in full; of each other one ECHO,
# ECHO_MOST in all.
SERVICE: Final[Reasons] = {
    "outage": (20, "Service is down"),
    "journey": (41, "A journey is failing"),
    "no_access": (41, "No access to their own money"),
    "legal": (41, "Legal action or a regulator"),
    "leaving": (20, "Says they will leave"),
    "contact": (40, "Wrote or called several times"),
    "money_large": (20, "A large sum"),
    "growing_damage": (20, "Damage is growing"),
    "press": (40, "Press or publicity"),
    "stranded": (36, "Stranded"),
}
ECHO, ECHO_MOST = 0.1, 4
ALONE = 20  # fewer points are a circumstance, and no reason alone
PASSAGE, BUNCH = 400, 3  # letters, and short posts in a row, within which cues of harm add up

DISSATISFACTION = 9  # for the most dissatisfied
COMPLAINS = 0.85  # the dissatisfaction, 0-1, that words of complaint stand for
NEED = 10  # times how much it reads like messages that need a person, -1 to 1
ASKS = 0.6  # the same, that words of complaint and questions stand for where no model read
NEEDED = 0.4  # reads enough like one of those that thanks or praise in it do not close it
QUESTION = 4  # asks for something
ENQUIRY = -4  # asks ahead; nothing has happened
FOREIGN = 5  # in a language that the model does not know: a person looks
DANGER_WORDS = 46  # what words of danger in such a language lift a priority to: P2
COMPLAINT_FORM = 4  # came as a complaint, not as a post
REPEAT, REPEAT_MOST = 4, 12  # for each further message without an answer
REACH, REACH_FROM, REACH_MOST = 3, 1_000, 9  # for each tenfold of followers
FOLLOW_UP = 16  # a call that ended with something left to do: P3 also where its words need nobody
SOUR = 40  # a caller who loses patience, also while the call goes on
