"""The gateway keeps one session, loses it well, and comes back."""
