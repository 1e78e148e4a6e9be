"""The append-only hash chain of who did what."""
