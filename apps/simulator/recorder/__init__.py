"""The flight recorder: real traffic kept in a file without its names, and played back from it."""
