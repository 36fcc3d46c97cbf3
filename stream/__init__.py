"""Kafka, tickets, Postgres, HTTP and the command line: everything between the connectors and the
models.
"""
