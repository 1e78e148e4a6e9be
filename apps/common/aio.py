"""The one crossing from async code to the ORM.

A lane is a thread with a database connection of its own; calls of one lane run one after
the other, in the order they were made. Business code stays synchronous and knows nothing
of this module.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Literal, ParamSpec, TypeVar

from asgiref.sync import iscoroutinefunction
from django.db import connections

from apps.domain.errors import DomainError

__all__ = ["DatabaseTimeout", "Lane", "in_db", "iscoroutinefunction", "shutdown_lanes"]

Lane = Literal["orders", "facts", "rest"]
T = TypeVar("T")
P = ParamSpec("P")

_executors: dict[Lane, ThreadPoolExecutor] = {}
_guard = Lock()


class DatabaseTimeout(DomainError):
    """The database did not answer in time; what was asked may still happen."""

    code = "STORE_UNAVAILABLE"


async def in_db(
    func: Callable[..., T],
    *args: object,
    lane: Lane = "rest",
    deadline_s: float = 2.0,
    **kwargs: object,
) -> T:
    """Call a synchronous service or selector in a lane and return what it returns.

    A selector must return rows, not a lazy queryset. Raises what the function raises, and
    DatabaseTimeout after `deadline_s`, queueing included: a call that has not begun by then
    never begins, one that has begun may still commit.
    """
    call = partial(contextvars.copy_context().run, partial(_call, func, *args, **kwargs))
    try:
        async with asyncio.timeout(deadline_s):
            return await asyncio.get_running_loop().run_in_executor(_executor(lane), call)
    except TimeoutError as error:
        raise DatabaseTimeout(f"No answer in {deadline_s} s", lane=lane) from error


def shutdown_lanes() -> None:
    """End all lanes after the calls they hold, and close their connections.

    A later in_db opens new ones.
    """
    with _guard:
        ending = list(_executors.values())
        _executors.clear()
    for executor in ending:
        executor.submit(connections.close_all)
        executor.shutdown(wait=True)


def _executor(lane: Lane) -> ThreadPoolExecutor:
    with _guard:
        if lane not in _executors:
            _executors[lane] = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"db-{lane}")
        return _executors[lane]


def _call(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return func(*args, **kwargs)
    finally:
        _drop_broken_connections()


def _drop_broken_connections() -> None:
    """Close what an error may have left unusable; a good connection stays for the next call."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block:
            connection.close()
