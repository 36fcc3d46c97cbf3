"""The REST interface, `/v1/...`: a router a file."""
