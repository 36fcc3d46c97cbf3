"""Personal data by kind: patterns and checks, put together by `models/redact.py`."""
