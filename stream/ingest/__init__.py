"""Ingest: events from files and live networks into Kafka, with cursors and spending."""
