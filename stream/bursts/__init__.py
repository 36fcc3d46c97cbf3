"""Bursts: sudden rises of complaints, found in the counts per minute."""
