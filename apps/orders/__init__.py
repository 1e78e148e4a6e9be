"""Intents to trade and what came of them."""
