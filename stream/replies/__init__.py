"""Replies: drafted in a process of their own, approved by a person, sent by the outbox."""
