"""Quotes, candles and who watches what."""
