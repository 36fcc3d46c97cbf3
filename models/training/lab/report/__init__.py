"""Report of a training run: curves, figures, mistakes and words on a single HTML page."""
