"""Prices and everything derived from them: quotes, bars, ticks, books, tapes, corporate actions."""
