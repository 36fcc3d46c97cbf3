"""Labelled example messages and the likeness of a text to them."""
