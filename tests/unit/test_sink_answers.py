"""What each network documents as the body of its answer to a message, with status 200."""

from __future__ import annotations

import pytest

from connectors import pagerduty, slack, teams

TAKEN = {
    slack: ["ok"],
    # A workflow answers nothing, an incoming webhook `1`; a workflow may answer as its owner likes.
    teams: ["", "1", '{"id": "1741"}'],
    pagerduty: ['{"status": "success", "message": "Event processed", "dedup_key": "a"}'],
}
PAGE = "<!DOCTYPE html><title>Sign in to your account</title>"
REFUSED = {
    slack: [
        *("invalid_payload", "no_text", "channel_not_found", "channel_is_archived", "no_service"),
        *("invalid_blocks", "action_prohibited", "user_not_found", "rollup_error", "", PAGE),
    ],
    teams: [
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error"
        " 413 with ContextId tcid=0",
        "Summary or Text is required.",
        "Text is required",
        "Bad payload received by generic incoming webhook.",
        "Webhook Bad Request - Null or empty event",
        "Invalid webhook URL",
        '{"error": {"code": "TriggerRequestSchemaMismatch"}}',
        PAGE,
    ],
    pagerduty: [
        '{"status": "invalid event", "message": "Event object is invalid"}',
        '{"status": "throttle exceeded"}',
        "[]",
        "",
        PAGE,
    ],
}


@pytest.mark.parametrize(
    ("network", "answer"), [(network, answer) for network in TAKEN for answer in TAKEN[network]]
)
def test_an_answer_that_says_so_is_a_message_that_was_taken(network, answer):
    assert network.is_success(answer)


@pytest.mark.parametrize(
    ("network", "answer"), [(network, answer) for network in REFUSED for answer in REFUSED[network]]
)
def test_an_answer_of_200_that_says_that_it_failed_is_a_failure(network, answer):
    assert not network.is_success(answer)
