"""The taxonomy: topics and problems, and the classifier that names them."""
