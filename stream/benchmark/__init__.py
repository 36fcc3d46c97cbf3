"""`earshot bench`: throughput and latency of the stream and of the REST interface."""
