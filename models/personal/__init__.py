"""What personal data looks like, kind by kind. `models/redact.py` puts the kinds together."""
