"""Desk: actions of people on tickets, alerts and replies, corrections, SQL and working hours."""
