"""The stream: Kafka, tickets, Postgres, HTTP and the command line."""
