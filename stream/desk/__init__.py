"""Desk: actions of people on tickets, alerts and replies, their corrections and their SQL."""
