"""Named points at which tests kill this process; dead everywhere but under test settings.

JAXBROKER_CRASH_AT=name[:n][:STOP] means: at the n-th pass (the first, if not given) of
point `name` the process kills itself, or stops as if the machine had frozen.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from functools import cache

from django.conf import settings

_passes: Counter[str] = Counter()


def point(name: str) -> None:
    """Mark a place between two steps where a crash must be harmless."""
    if not settings.JAXBROKER_TEST:
        return
    wanted, number, sign = _wanted(os.environ.get("JAXBROKER_CRASH_AT", ""))
    if name != wanted:
        return
    _passes[name] += 1
    if _passes[name] == number:
        os.kill(os.getpid(), sign)


def during(name: str, *, within_s: float = 0.003) -> None:
    """Mark the beginning of a step in the middle of which a crash must be harmless.

    The process dies from another thread, at a random instant of the next `within_s` seconds.
    """
    if not settings.JAXBROKER_TEST:
        return
    wanted, number, sign = _wanted(os.environ.get("JAXBROKER_CRASH_AT", ""))
    if name != wanted:
        return
    _passes[name] += 1
    if _passes[name] == number:
        wait_s = random.random() * within_s  # noqa: S311  an instant, not a secret
        threading.Thread(target=_die_after, args=(wait_s, sign), daemon=True).start()


def _die_after(wait_s: float, sign: signal.Signals) -> None:
    time.sleep(wait_s)
    os.kill(os.getpid(), sign)


@cache
def _wanted(text: str) -> tuple[str, int, signal.Signals]:
    name, *rest = text.split(":")
    numbers = [int(word) for word in rest if word.isdigit()]
    return name, numbers[0] if numbers else 1, signal.SIGSTOP if "STOP" in rest else signal.SIGKILL
