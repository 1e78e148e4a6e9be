"""Words and rules: pure values and functions without Django, I/O or a clock."""
