"""Calls: sentiment and outcome of a conversation, from its turns."""
