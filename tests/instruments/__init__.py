"""Promises of this part."""
