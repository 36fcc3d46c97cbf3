"""One page about a training run: curves, figures, mistakes, words. A single HTML file that needs
nothing else.
"""
