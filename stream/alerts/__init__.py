"""Alerts: stored, routed, and delivered to the sinks."""
