"""The outside world: events in, alerts and replies out. Knows no Kafka, no Postgres, no model."""
