"""Bugs put in on purpose, one by one: tests that miss one of them are not worth their green."""
