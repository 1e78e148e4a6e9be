"""The adapter for Interactive Brokers; only start-up chooses it."""
