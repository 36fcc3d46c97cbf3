"""Training of the heads of triage: labelled messages in, a gated model directory out."""
