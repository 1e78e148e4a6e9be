"""The order rows of the fault matrix, a test each; `python -m tests.reliability.matrix` prints the list."""
