"""Triage: which conversations need a person, how urgently, and why."""
