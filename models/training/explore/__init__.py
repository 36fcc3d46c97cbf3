"""What a pile of complaints or calls says, as one HTML page for a person. Needs the `train` extra."""
