"""What callers of the frozen surfaces rely on, asked of the running product."""
