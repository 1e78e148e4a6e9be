"""Waits of the gateway that end early: when the process is to stop, or when the bell rings.

Every rhythm of the gateway goes through here, so a stop is never a period late.
"""

import asyncio

from apps.common.bell import Listener


async def stopped_within(stop: asyncio.Event, timeout_s: float) -> bool:
    """Wait at most `timeout_s`; return True as soon as `stop` is set."""
    try:
        async with asyncio.timeout(timeout_s):
            await stop.wait()
    except TimeoutError:
        return stop.is_set()
    return True


async def rung_or_stopped(bell: Listener, stop: asyncio.Event, *, within_s: float) -> None:
    """Wait until the bell rings, `stop` is set, or `within_s` seconds have passed."""
    waits = {asyncio.ensure_future(bell.wait(within_s)), asyncio.ensure_future(stop.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
