"""Which answers belong to which requests: the threads that a playback must keep in order.

A thread is a text such as `request:5`, `order:12`, `exec:0001.01` or, for messages without
any number, `kind:61` after the request that asks for them.
"""

from __future__ import annotations

from apps.simulator.frames.describe import Described
from apps.simulator.recorder.recording import Recorded

_WITHOUT_ID = {
    6: (6,), 7: (6,), 8: (6,), 54: (6,), 61: (61,), 62: (61,), 53: (5, 16), 3: (5, 16), 5: (5, 16),
    101: (99,), 102: (99,), 14: (12,), 16: (18,), 19: (24,), 78: (80,), 80: (82,), 85: (85,),
}  # fmt: skip
_NUMBERS = {"reqId": "request", "orderId": "order", "execId": "exec", "marketRuleId": "rule"}


def threads_of(one: Recorded) -> frozenset[str]:
    """Return the threads a frame belongs to; none for what a gateway says of its own accord."""
    numbered = _numbered(one.told)
    if one.is_ask:
        return numbered or frozenset({f"kind:{one.told.message_id}"})
    kinds = _WITHOUT_ID.get(one.told.message_id or 0, ())
    return numbered | {f"kind:{kind}" for kind in kinds}


def _numbered(told: Described) -> frozenset[str]:
    found = {f"{_NUMBERS[name]}:{text}" for name, text in told.fields if name in _NUMBERS and text != "-1"}
    if told.name == "nextValidId":
        return frozenset()
    if told.name == "error":
        found |= {one.replace("request:", "order:") for one in found}
    return frozenset(found)
