"""Observability: health, Prometheus metrics, logs and OpenTelemetry traces."""
