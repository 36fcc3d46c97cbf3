"""Bootstrap: the only package that constructs the real parts and knows how they fit."""
