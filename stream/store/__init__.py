"""Stored events and tickets: saved in one transaction, read back, folded anew."""
