"""How the threads of one process take turns.

A thread that waits for the interpreter asks for it only after an interval, 5 ms by default. A claim
talks to the database dozens of times and waits anew each time, so a loop that decodes a flood of
ticks beside it would cost each order a fifth of a second.
"""

import sys

INTERVAL_S = 0.0005


def share_fairly() -> None:
    """Let waiting threads ask sooner; for processes whose loop must not hold up their database lanes."""
    sys.setswitchinterval(INTERVAL_S)
