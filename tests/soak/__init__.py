"""Soak: hours of events through four workers while everything dies, and then the checks.

`make soak EVENTS=1000000 HOURS=8 SEED=1`, or `PYTHONPATH=tests python -m soak --events 20000`.
"""
