"""Releases: export, quantisation, the gate, and the model card."""
