"""Exploration of complaints or calls on a single HTML page. Needs the `train` extra."""
