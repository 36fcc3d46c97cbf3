"""Training of the head for calls."""
