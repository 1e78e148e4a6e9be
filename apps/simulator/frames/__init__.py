"""Frames read by name: the tables of all messages both ways, and what is built on them.

It shares no table and no code with the modules that write messages, so that one side
checks the other: a field too many or too few is seen here.
"""
