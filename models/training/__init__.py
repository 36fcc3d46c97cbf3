"""Training of the artifacts. Needs the `train` extra; nothing that serves imports it."""
