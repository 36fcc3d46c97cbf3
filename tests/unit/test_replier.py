"""The shipped replier: drafts that pass, the same for the same seed, whatever else is asked, and
never a slot.
"""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from models.artifact import ArtifactError
from models.replier.draft import Candidate, ReplyRequest
from models.replier.policy import check
from models.replier.polish import polished
from models.replier.replier import Replier, default_replier, is_unlike

REQUESTS = [
    ReplyRequest(
        "flight 403 to Denver is late again",
        "SkyNorth",
        "delay and cancellation",
        None,
        "negative",
        2,
    ),
    ReplyRequest(
        "you charged me twice for my bill this month", "VoltLine", "billing", None, "negative", 3
    ),
    ReplyRequest(
        "your crew on flight 12 was lovely, thank Zbigniew!",
        "SkyNorth",
        "on board",
        None,
        "positive",
        0,
    ),
    ReplyRequest("", None),
    ReplyRequest("日本語 \ud800 🤷 <fact> <brand> <url>", "VoltLine"),
    ReplyRequest(
        "where is my parcel? " * 400, None, "order and delivery", None, "negative", 4, "bluesky"
    ),
]


@pytest.fixture(scope="module")
def replier():
    return Replier()


@pytest.fixture(scope="module")
def drafts(replier):
    return replier(REQUESTS)


def test_every_draft_begins_with_a_text_that_passes_the_gate(drafts):
    for request, draft in zip(REQUESTS, drafts, strict=True):
        assert draft.candidates[0].passes
        assert check(draft.text, request) == ()


def test_what_passes_comes_before_what_was_refused_and_why_is_told(drafts):
    for draft in drafts:
        passes = [one.passes for one in draft.candidates]
        assert passes == sorted(passes, reverse=True)
        assert 1 <= len(passes) <= 3
        assert len({one.text for one in draft.candidates}) == len(passes)


def test_a_draft_depends_on_its_own_message_and_the_seed_alone(replier, drafts):
    assert [replier([request])[0] for request in REQUESTS] == drafts
    assert replier(REQUESTS[::-1])[::-1] == drafts
    assert replier(REQUESTS, seed=1) != drafts


def test_no_slot_is_ever_left(replier):
    for draft in replier([ReplyRequest("is flight 403 late? @SkyNorthAir", None)] * 2, n=6):
        assert not any("<" in one.text for one in draft.candidates if one.passes)


def test_what_was_sent_lately_is_not_drafted_again(replier, drafts):
    sent = [one.text for one in drafts[0].candidates]

    again = replier(REQUESTS[:1], recent=sent)[0]
    assert again.candidates[0].passes
    assert again.text not in sent


def test_a_template_steps_in_and_says_so(replier):
    said: list[str] = []
    for _ in range(30):  # until the model has said all that it can
        draft = replier(REQUESTS[:1], n=6, recent=said)[0]
        if draft.candidates[0].source == "template":
            break
        said += [one.text for one in draft.candidates]

    assert draft.candidates[0].source == "template"
    assert draft.candidates[0].passes
    assert draft.text not in said


def test_a_damaged_directory_is_one_line(tmp_path):
    shutil.copytree(default_replier(), tmp_path / "replier")
    (tmp_path / "replier" / "words.txt").write_text("changed")

    with pytest.raises(ArtifactError, match=r"words\.txt is damaged"):
        Replier(tmp_path / "replier")
    with pytest.raises(ArtifactError, match=r"replier\.json is missing"):
        Replier(tmp_path)


def test_the_whole_directory_is_small():
    assert sum(path.stat().st_size for path in default_replier().iterdir()) < 20_000_000


@pytest.mark.parametrize(
    ("raw", "finished"),
    [
        ("we're sorry . how can we help ?", "We're sorry. How can we help?"),
        ("Thanks for the Kudos to our Inflight Crew", "Thanks for the kudos to our inflight crew."),
        ("Please send us a DM. I will", "Please send us a DM. I will."),
        (
            "What is your flight # and date? And the record # ?",
            "What is your flight number and date? And the record number?",
        ),
        ("Sorry about # <num>.", "Sorry about #<num>."),
        ("", ""),
    ],
)
def test_drafts_are_polished(raw, finished):
    assert polished(raw) == finished


def test_the_command_prints_candidates_with_the_gates_verdict():
    from stream.cli.main import app

    done = CliRunner().invoke(
        app,
        ["reply", "draft", "you charged me twice, call me on 212 555 0139", "--brand", "VoltLine"],
    )

    told = json.loads(done.stdout)
    assert "0139" not in done.stdout
    assert told["brand"] == "VoltLine"
    assert told["candidates"][0]["passes"]
    assert {"text", "score", "source", "refusals", "length", "price"} <= set(told["candidates"][0])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (" ", "no message to answer"),
        ("Mein Koffer ist weg und niemand antwortet", "not in English"),
    ],
)
def test_what_the_model_cannot_read_gets_no_draft(said, why):
    from stream.cli.main import app
    from stream.errors import UserError

    done = CliRunner().invoke(app, ["reply", "draft", said])

    assert done.stdout == ""
    assert isinstance(done.exception, UserError)
    assert why in str(done.exception)


def test_a_replier_is_measured_on_a_file_of_pairs(tmp_path):
    from stream.cli.main import app

    data = tmp_path / "pairs.csv"
    data.write_text(
        "customer_text,agent_text,brand\n"
        "my flight 403 is late again,We're sorry for the delay. ^JH,SkyNorth\n"
        "your crew was lovely today,Thank you for telling us!,SkyNorth\n"
        "the app is down,Sorry! Which phone do you use?,VoltLine\n"
    )
    done = CliRunner().invoke(app, ["evaluate", "replies", "--data", str(data)])

    told = json.loads(done.stdout)
    assert told["n"] == 3
    assert (
        set(told["perplexity"]) == set(told["perplexity_per_character"]) == {"gru", "ngram", "mix"}
    )
    assert all(1 < value < 1000 for value in told["perplexity"].values())
    assert 0 < told["chrf"] < 100
    assert 0 <= told["rouge_l"] <= 1
    assert told["milliseconds"]["median"] > 0


def test_candidates_are_unlike_each_other(replier):
    said = Candidate("We are sorry to hear that.", -1.0)

    assert not is_unlike(Candidate("We are so sorry to hear that!", -1.0), [said])
    assert is_unlike(Candidate("Please send us a DM.", -1.0), [said])
    for draft in replier(REQUESTS[:3]):
        first, second, third = draft.candidates
        assert is_unlike(second, [first])
        assert is_unlike(third, [first, second])
