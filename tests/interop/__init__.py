"""Unmodified clients of other makers against the simulator, each in an environment of its own.

Nothing here imports the product: the modules run where only one client library is installed.
"""
