"""What the suite promises, by the files that keep it: `make test` ends with how much of each was
covered.
"""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatch

# The first pattern that fits a file, below tests/ and without its ending, says what it promises.
PROMISES = {
    "nothing lost, nothing double": (
        "acceptance/test_kills",
        "acceptance/test_apache_kafka",
        "acceptance/test_away",
        "acceptance/test_networks",
        "acceptance/test_replay",
        "unit/test_replay_watch",
        "integration/test_backup",
        "integration/test_point_in_time",
        "integration/test_upgrade",
        "integration/test_rebuild",
        "integration/test_store_away",
        "integration/test_store_races",
        "integration/test_stream_start",
        "integration/test_alone",
        "unit/test_duties",
        "unit/test_ingest",
        "unit/test_listening",
        "unit/test_offsets",
        "unit/test_overlap",
        "unit/test_soak",
        "unit/test_pipeline",
        "unit/test_unjudged",
    ),
    "any order, any repeat": (
        "acceptance/test_order",
        "integration/test_long_history",
        "integration/test_store_property",
    ),
    "bad input": (
        "acceptance/test_bad_messages",
        "acceptance/test_user_errors",
        "integration/test_store_dead_letters",
        "integration/test_rest_hostile",
        "unit/test_damaged_rows",
        "unit/test_hostile_inputs",
        "unit/test_linear_patterns",
        "unit/test_skipped",
    ),
    "a person's first day": (
        "integration/test_readme_commands",
        "acceptance/test_console",
        "acceptance/test_first_start",
        "unit/test_demo_day",
        "acceptance/test_stopping",
        "unit/test_first_commands",
        "unit/test_records",
        "unit/test_disk",
        "integration/test_doctor",
        "unit/test_init",
        "integration/test_light_start",
    ),
    "store and SQL": (
        "integration/test_desk_sql",
        "integration/test_bulk",
        "integration/test_saved_views",
        "integration/test_search",
        "integration/test_retention",
        "integration/test_sql",
        "unit/test_terminals",
        "integration/test_store*",
        "integration/test_two_brands",
        "integration/test_views",
        "unit/test_database",
    ),
    "triage": (
        "unit/test_triage*",
        "integration/test_older_models",
        "integration/test_unread_lane",
        "unit/test_danger_words",
        "unit/test_unread_language",
        "unit/test_calls_weighed",
        "unit/test_preview",
        "*/test_priority_by_hand",
        "unit/test_any_text",
        "unit/test_one_judgement",
        "integration/test_settled",
        "unit/test_evaluate_conversations",
        "unit/test_evaluate_triage",
        "unit/test_long_conversations",
        "unit/test_settlement",
        "unit/test_tickets",
        "unit/test_brands",
        "unit/test_redact",
        "unit/test_personal",
    ),
    "bursts, alerts, incidents": (
        "integration/test_alert_messages",
        "integration/test_alert_search",
        "integration/test_alerts_together",
        "integration/test_desk_alerts",
        "integration/test_incidents",
        "integration/test_sinks",
        "integration/test_daily_summaries",
        "unit/test_alert_grouping",
        "unit/test_alert_severity",
        "unit/test_burst_words",
        "unit/test_bursts",
        "unit/test_drift",
        "unit/test_incidents",
        "unit/test_trending",
        "unit/test_words",
    ),
    "replies": (
        "integration/test_outbox",
        "integration/test_replies*",
        "integration/test_desk_replies",
        "integration/test_canned",
        "integration/test_console_canned",
        "unit/test_canned",
        "unit/test_ngram",
        "unit/test_policy",
        "unit/test_replier",
        "unit/test_replier_process",
        "unit/test_slots",
    ),
    "connectors": (
        "acceptance/test_new_connector",
        "integration/test_bluesky",
        "integration/test_imap",
        "integration/test_mastodon",
        "integration/test_spend",
        "integration/test_x",
        "unit/test_call_exports",
        "unit/test_call_files",
        "unit/test_events",
        "unit/test_files",
        "unit/test_format*",
        "unit/test_history",
        "unit/test_imap_mails",
        "unit/test_mail_words",
        "unit/test_networks",
        "unit/test_other_peoples_cases",
        "unit/test_tables",
        "unit/test_times",
        "unit/test_webhook",
    ),
    "console": (
        "integration/test_console*",
        "integration/test_notices",
        "integration/test_persons",
        "unit/test_links",
        "integration/test_bench_consoles",
        "unit/test_bench_processor",
        "unit/test_console",
    ),
    "login and rights": (
        "integration/test_api_keys",
        "integration/test_desk_bound",
        "integration/test_desk_people",
        "integration/test_login",
        "integration/test_login_attacks",
        "integration/test_single_sign_on",
        "unit/test_keyring",
        "unit/test_origins",
    ),
    "desk, web and REST": (
        "integration/test_joining*",
        "integration/test_words_from_elsewhere",
        "integration/test_controls",
        "integration/test_corrections_out",
        "integration/test_dealer",
        "integration/test_desk*",
        "integration/test_reports",
        "unit/test_dealing",
        "integration/test_forgotten_files",
        "integration/test_hooks",
        "integration/test_lazy_publisher",
        "integration/test_rest*",
        "integration/test_connections",
        "integration/test_unstorable",
        "integration/test_web",
        "unit/test_desk*",
        "unit/test_ttl_cache",
    ),
    "models": (
        "integration/test_calls_in_the_stream",
        "unit/test_backends",
        "unit/test_batcher",
        "unit/test_calls",
        "unit/test_evaluate_complaints",
        "unit/test_language",
        "unit/test_llm",
        "unit/test_models_evaluate",
        "unit/test_models_serving",
        "unit/test_models_taxonomy",
        "unit/test_models_text",
        "unit/test_places",
        "unit/test_processor",
        "unit/test_python_api",
        "unit/test_registry",
        "unit/test_release_quality",
        "unit/test_resemblance",
        "unit/test_taxonomy_file",
    ),
    "training": (
        "unit/test_calls_training",
        "unit/test_explore",
        "unit/test_partly_readable",
        "unit/test_finetune",
        "unit/test_lab*",
        "unit/test_models_base",
        "unit/test_models_training",
        "unit/test_own_model",
        "unit/test_reply_training",
        "unit/test_training*",
    ),
    "operation": (
        "acceptance/test_alerts_fire",
        "integration/test_figures",
        "integration/test_prometheus",
        "integration/test_traces",
        "unit/test_deploy",
        "unit/test_deploy_tools",
        "unit/test_health",
        "unit/test_logs",
        "unit/test_metrics",
        "unit/test_package",
    ),
    "documents, architecture, suite": ("test_*", "unit/test_toy_model"),
}

OUTCOMES = ("passed", "failed", "skipped")


def promise_of(file: str) -> str | None:
    """The promise that a file keeps. file: below tests/, such as unit/test_words.py."""
    name = file.removesuffix(".py")
    return next(
        (promise for promise, files in PROMISES.items() if any(_fits(name, one) for one in files)),
        None,
    )


def _fits(name: str, pattern: str) -> bool:
    return name.count("/") == pattern.count("/") and fnmatch(name, pattern)


def covered(counts: Counter[tuple[str, str]]) -> list[str]:
    """A table of each promise's tests by their outcome. counts: by (promise, outcome)."""
    width = max(map(len, PROMISES))
    lines = [" " * width + "".join(f"{outcome:>9}" for outcome in OUTCOMES)]
    for promise in PROMISES:
        numbers = [counts[promise, outcome] for outcome in OUTCOMES]
        if any(numbers):
            lines.append(
                f"{promise:<{width}}" + "".join(f"{number or '':>9}" for number in numbers)
            )
    return lines
