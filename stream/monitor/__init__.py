"""The monitor: volumes, sentiment, trending topics and drift over a stretch of time."""
