"""Inputs on which other people's software went wrong, where they lie beside the checkout: every
mail and call is read with all of its words, and nothing is left out without a line.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.files import BadRow, open_file
from connectors.imap.mails import NoComplaint, mail_event

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not there")
OWN = "care@voltline.example"
RECEIVED = datetime(2026, 11, 27, 10, 5, tzinfo=UTC)
ALARM = "meter cupboard in my mother's flat is smoking and nobody answers your emergency line"
BREATH = "can\u2019t breathe in here, it\u2019s full of gas"
KEPT = {
    **dict.fromkeys(
        (
            *("fwd_gmail", "fwd_gmail_bare", "fwd_outlook", "fwd_thunderbird", "fwd_html_apple"),
            *("am_i_right", "on_wrote_own", "v_on_wrote_hi", "v_am_wrote", "below_quote"),
            *("v_bottom_hello", "dashes_inside", "v_dashes_rule", "html_gmail_wrapper"),
            *("group_rewritten", "form_reply_to", "form_auto_generated", "plain_placeholder"),
            *("plain_markup", "v_plain_cut", "v_plain_image", "v_plain_link"),
        ),
        ALARM,
    ),
    **dict.fromkeys(
        (
            *("v_cp1252_said_latin1", "v_html_meta", "v_latin1_said_ascii", "v_no_charset"),
            *("v_utf8_said_latin1", "i_cs_latin15", "i_cs_qp_latin1", "i_cs_b64_utf8_bad"),
        ),
        BREATH,
    ),
    **dict.fromkeys(("travel_details", "travel_form"), "insulin"),
    "v_from_to_date2": "she is in hospital",
    **dict.fromkeys(("greater_than", "v_gt_only_html"), ">3 weeks without heating"),
    "v_gt_arrow": "> my baby is sick from it",
}
SHORT = {  # characters of those mails whose history, footer or log is long
    **dict.fromkeys(("quote_dutch", "quote_german_name_first", "quote_date_first"), 60),
    **dict.fromkeys(("v_bottom_tb", "praise_footer", "signature_job", "i_sign_midwife"), 100),
    **dict.fromkeys(("i_foot_phishing", "i_foot_mailscanner", "inline_log", "named_log"), 120),
}
AUTOMATIC = ("bounce_", "v_bounce_", "ooo_", "v_ooo_", "i_ooo_")


def mail(name: str) -> str:
    raw = (CASES / "mails" / f"{name}.eml").read_bytes()
    return mail_event(raw, RECEIVED, own=OWN, brand="VoltLine").text


@pytest.mark.parametrize("name", KEPT)
def test_the_words_of_a_customer_stay(name):
    assert KEPT[name] in mail(name).replace("dad can", "can")


@pytest.mark.parametrize("name", SHORT)
def test_what_others_wrote_is_cut(name):
    assert 0 < len(mail(name)) <= SHORT[name]


def test_what_no_person_sent_is_named():
    for path in sorted((CASES / "mails").glob("*.eml")):
        if path.name.startswith(AUTOMATIC):
            with pytest.raises(NoComplaint, match=r"automatic|report"):
                mail(path.stem)


def test_every_call_has_two_sides_and_loses_nothing():
    alone = {"crlf_blank_spaces", "connect_chat"}
    for path in sorted((CASES / "calls").iterdir()):
        bad: list[BadRow] = []
        [(call, _)] = open_file(path, on_bad_row=bad.append)
        speakers = {turn.name or turn.speaker for turn in call.turns}
        assert (len(speakers) >= 2 or path.stem in alone, bad) == (True, []), path.name


def test_no_table_is_read_in_silence_without_its_rows():
    for path in sorted((CASES / "files").iterdir()):
        bad: list[BadRow] = []
        assert list(open_file(path, on_bad_row=bad.append)) or bad, path.name
