"""Incidents: tickets about the same event, grouped and answered together."""
