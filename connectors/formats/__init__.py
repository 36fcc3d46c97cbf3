"""The public file formats, one module each: a row in, an `Event` out."""
