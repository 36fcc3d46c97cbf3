"""The public data sets as one training corpus, split by the hash of each text."""
