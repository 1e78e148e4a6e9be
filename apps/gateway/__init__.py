"""The one process that owns the broker session."""
