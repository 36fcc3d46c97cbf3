"""What the people who answer do: to tickets, as whom, and seeing what."""
