"""Which files of tests begin first, and which share one process: so that no core waits for the
other in the end.
"""

from __future__ import annotations

import pytest

# What a process collected, in order, before it left some out.
COLLECTED = pytest.StashKey[tuple[str, ...]]()
# The files of long tests among them.
LONG = pytest.StashKey[frozenset[str]]()

# By what they take, the longest first; everything else takes seconds.
FIRST = (
    "acceptance/test_apache_kafka.py",
    "acceptance/test_kills.py",
    "acceptance/test_alerts_of_a_desk.py",
    "acceptance/test_alerts_fire.py",
    "acceptance/test_restore.py",
    "acceptance/test_replay.py",
    "unit/test_models_training.py",
    "unit/test_triage_training.py",
    "integration/test_console.py",
    "integration/test_desk_openapi.py",
    "unit/test_linear_patterns.py",
    "unit/test_lab.py",
    "unit/test_lab_compare.py",
    "unit/test_lab_report.py",
    "unit/test_triage_invariance.py",
    "acceptance/test_console.py",
    "acceptance/test_user_errors.py",
    "acceptance/test_away.py",
    "acceptance/test_runbook.py",
    "acceptance/test_bad_messages.py",
    "test_collection.py",
    "unit/test_lab_more_texts.py",
    "acceptance/test_order.py",
    "acceptance/test_networks.py",
    "integration/test_upgrade.py",
    "integration/test_console_pages.py",
    "unit/test_own_model.py",
    "unit/test_reply_training.py",
    "integration/test_store_away.py",
    "unit/test_replier_process.py",
    "integration/test_desk_sql.py",
    "unit/test_models_serving.py",
    "integration/test_login.py",
    "integration/test_console_replies.py",
    "integration/test_desk_replies.py",
    "integration/test_bench_consoles.py",
)
# Files that share what one process made for them: their group.
TOGETHER = {
    "unit/test_lab.py": "lab",
    "unit/test_lab_bases.py": "lab",
    "unit/test_lab_compare.py": "lab",
    "unit/test_lab_recipes.py": "lab",
    "unit/test_lab_report.py": "lab",
    "unit/test_models_training.py": "training",
    "unit/test_training_device.py": "training",
    "unit/test_triage_training.py": "training",
}

_PLACE = {file: place for place, file in enumerate(FIRST)}


def place_of(file: str) -> int:
    """Where a file comes in the order."""
    return _PLACE.get(file, len(FIRST))


def group_of(file: str) -> str:
    """What one process runs as a whole: a file, or the files of a group."""
    return TOGETHER.get(file, file)
