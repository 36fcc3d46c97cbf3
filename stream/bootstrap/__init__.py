"""Bootstrap: where everything real is constructed, and the only package that knows how the parts
fit.
"""
