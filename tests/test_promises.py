"""Every file of tests keeps a promise that the end of `make test` can count, and every one that is
named is there.
"""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import schedule
from promises import PROMISES, covered, promise_of

TESTS = Path(__file__).parent
FILES = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py"))


def test_every_file_keeps_a_promise_and_every_pattern_has_a_file():
    assert [file for file in FILES if promise_of(file) is None] == []
    patterns = [pattern for files in PROMISES.values() for pattern in files]
    assert [
        one for one in patterns if not any(fnmatch(file.removesuffix(".py"), one) for file in FILES)
    ] == []


def test_every_file_that_is_scheduled_is_there():
    assert [file for file in (*schedule.FIRST, *schedule.TOGETHER) if file not in FILES] == []


def test_the_table_tells_how_many_of_each_were_covered():
    lines = covered(
        Counter({("triage", "passed"): 90, ("triage", "skipped"): 1, ("models", "failed"): 2})
    )

    assert [line.split() for line in lines] == [
        ["passed", "failed", "skipped"],
        ["triage", "90", "1"],
        ["models", "2"],
    ]
