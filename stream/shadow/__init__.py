"""Shadows: a model judges live messages beside the one in use; how their classes differ."""
