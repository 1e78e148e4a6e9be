"""The frozen dialects, called in this process."""
