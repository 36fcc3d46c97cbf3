"""Benchmarks for developers: the burst rule, open consoles, the parts of a training recipe."""
