"""Texts in, analyses and drafts out. Knows no Kafka, no Postgres, no connector."""
