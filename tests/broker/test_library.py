"""The one import of the library works wherever it happens first."""

import subprocess
import sys

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
