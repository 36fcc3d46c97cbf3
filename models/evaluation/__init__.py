"""Evaluation: metrics on labelled files, and models side by side."""
