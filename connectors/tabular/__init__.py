"""Text files of rows; `models` reads labelled files by it too. Knows no event and no connector."""
