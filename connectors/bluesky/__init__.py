"""Bluesky: posts from Jetstream, which is free and keeps a day, and replies."""
