"""Mastodon: posts from a server's streaming interface, and replies."""
