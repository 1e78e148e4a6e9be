"""The verbs of safety: trading states in states.py, limits in limits.py."""
