"""The lab: sentiment models of one kind, trained, compared, gated and reported. Any base, full or
with adapters.
"""
