"""Training of the replier."""
