"""Schema of this part."""
