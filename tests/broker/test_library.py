"""The one import of the library works wherever it happens first."""

import os
import subprocess
import sys

from apps.broker.ib import library

IN_A_THREAD = """
import threading
problems = []
def load():
    try:
        import apps.broker.ib.library
    except BaseException as problem:
        problems.append(problem)
thread = threading.Thread(target=load)
thread.start()
thread.join()
raise SystemExit(len(problems))
"""

AFTER_A_RUN = """
import asyncio
async def nothing(): pass
asyncio.run(nothing())
import apps.broker.ib.library
"""


class TestImport:
    def test_in_a_thread_without_a_loop(self) -> None:
        assert subprocess.run([sys.executable, "-c", IN_A_THREAD]).returncode == 0

    def test_after_a_finished_run(self) -> None:
        assert subprocess.run([sys.executable, "-c", AFTER_A_RUN]).returncode == 0


class TestChoice:
    def test_the_library_is_the_one_that_was_asked_for(self) -> None:
        asked = os.environ.get("IB_LIBRARY", "ib_insync")

        assert library.library.__name__ == asked
        assert asked in sys.modules
