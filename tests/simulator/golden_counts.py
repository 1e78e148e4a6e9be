"""How many fields each message has at each version, written down from the protocol's tables.

The message id counts. A message with a list says its own length: the table then tells where the
number stands and how long an entry is. A client that decodes by position needs exactly this many.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.simulator.raw_client import Frame

VERSIONS = (157, 161, 163, 166, 169, 173, 176, 177, 178)

#: The plain order's request and its three echoes: placeOrder, openOrder, completedOrder, execDetails.
ORDERS = {
    157: (110, 128, 96, 31), 161: (112, 130, 96, 31), 163: (113, 131, 96, 31), 166: (114, 131, 96, 31),
    169: (115, 131, 96, 31), 173: (115, 136, 101, 31), 176: (115, 136, 101, 31), 177: (114, 135, 100, 31),
    178: (114, 135, 100, 32),
}  # fmt: skip
#: contractData without secIds, and an entry of symbolSamples without derivatives.
CONTRACT_DATA = {157: 39, 161: 39, 163: 40, 166: 40, 169: 40, 173: 40, 176: 40, 177: 40, 178: 40}
SYMBOL_SAMPLE = {157: 6, 161: 6, 163: 6, 166: 6, 169: 6, 173: 6, 176: 8, 177: 8, 178: 8}
BOND_DATA = {157: 35, 161: 35, 163: 35, 166: 36, 169: 36, 173: 36, 176: 36, 177: 36, 178: 36}

#: Messages that are always as long.
FIXED = {
    1: 7, 2: 5, 3: 12, 6: 6, 7: 20, 8: 3, 9: 3, 12: 8, 13: 10, 14: 6, 15: 3, 16: 4, 19: 3, 21: 12, 45: 5,
    46: 5, 47: 11, 49: 3, 50: 11, 51: 4, 52: 3, 53: 2, 54: 3, 55: 3, 56: 6, 57: 3, 58: 4, 59: 8, 61: 16,
    62: 2, 63: 7, 64: 3, 67: 4, 68: 4, 71: 18, 72: 3, 73: 8, 74: 3, 76: 2, 81: 5, 83: 4, 84: 7, 86: 6,
    87: 3, 88: 3, 90: 10, 91: 4, 92: 4, 94: 5, 95: 7, 100: 4, 102: 1, 103: 3, 104: 3, 105: 3, 107: 3,
}  # fmt: skip
#: Messages with one list: where its number stands, how long an entry is, what follows the list.
LISTED = {
    17: (4, 8, 0), 20: (3, 16, 0), 77: (2, 3, 0), 78: (1, 2, 0), 80: (1, 5, 0), 82: (2, 3, 0), 85: (1, 2, 0),
    89: (2, 2, 0), 93: (2, 2, 0), 96: (2, 4, 1), 97: (2, 6, 1), 98: (2, 6, 1), 106: (5, 3, 0),
}  # fmt: skip
TICK_BY_TICK = {"1": 9, "2": 9, "3": 9, "4": 5}


def expected_count(frame: Frame, version: int) -> int:
    """Return how many fields this message must have. Raises KeyError if the tables do not know it."""
    kind = int(frame[0])
    if kind in _SPECIAL:
        return _SPECIAL[kind](frame, version)
    if kind in LISTED:
        place, entry, rest = LISTED[kind]
        return place + 1 + int(frame[place]) * entry + rest
    return FIXED[kind]


def _chain(frame: Frame, _: int) -> int:
    expirations = int(frame[6])
    return 8 + expirations + int(frame[7 + expirations])


def _samples(frame: Frame, version: int) -> int:
    place = 3
    for _ in range(int(frame[2])):
        place += SYMBOL_SAMPLE[version] + int(frame[place + 5])
    return place


def _contract(frame: Frame, version: int) -> int:
    # Before 164 there are a version field and a multiplier of sizes in depth, both before the list.
    place = 32 if version < 164 else 30
    return CONTRACT_DATA[version] + 2 * int(frame[place])


def _bond(frame: Frame, version: int) -> int:
    place = 32 if version < 164 else 30
    return BOND_DATA[version] + 2 * int(frame[place])


_SPECIAL: dict[int, Callable[[Frame, int], int]] = {
    4: lambda _, version: 6 if version >= 166 else 5,
    5: lambda _, version: ORDERS[version][1],
    10: _contract,
    11: lambda _, version: ORDERS[version][3],
    18: _bond,
    75: _chain,
    79: _samples,
    99: lambda frame, _: TICK_BY_TICK[frame[2]],
    101: lambda _, version: ORDERS[version][2],
}
