"""Words and rules of trading: pure, no Django, no I/O, no clock."""
