"""A history of complaints, written for the tests of fine-tuning."""

from __future__ import annotations

import csv

KINDS = {
    "tv": ("TV", "Missing channels", "TV channels keep disappearing", 70),
    "line": ("Network", "Line down", "the line is down", 90),
    "bill": ("Billing", "Charged twice", "you charged me twice", 60),
}


def history(path, rows=60, columns=("text", "topic", "problem", "dissatisfaction")):
    written = [("text", "topic", "problem", "dissatisfaction")]
    for number in range(rows):
        topic, problem, words, index = list(KINDS.values())[number % 3]
        written.append(
            (f"{words}, case {number}, call +44 20 7946 {number:04d}", topic, problem, str(index))
        )
    keep = [written[0].index(name) for name in columns]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([row[place] for place in keep] for row in written)
    return path
