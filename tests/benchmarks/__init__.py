"""Benchmarks for developers: the burst rule on simulated years, and open consoles under load."""
