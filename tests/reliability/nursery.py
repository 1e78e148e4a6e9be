"""A process that has everything imported and forks a gateway, or any short command, on request.

A thousand kills need thousands of fresh processes, and importing costs more than living. What
it forks is the real command with a memory, sockets and database connections of its own. The
web is not forked: Twisted opens its selector while it is imported.

    python -m tests.reliability.nursery      one JSON line in, one JSON line out
"""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

django.setup()

from apps.gateway import lease
from apps.gateway.management.commands import run_gateway  # models exist only after setup()


def main() -> None:
    """Answer each request `{"environment", "settings", "lease_s", "log"}` with the pid of a new gateway.

    With `"words"` it is that command instead, and the answer is its `exit` code once it has ended,
    negative for the signal that killed it.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"exit": _run(request)} if request["words"] else {"pid": _fork(request)}
        print(json.dumps(answer), flush=True)


def _fork(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _be(request)
    return pid


def _run(request: dict[str, Any]) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # an exit code is kept only for who asks for it
    try:
        return os.waitstatus_to_exitcode(os.waitpid(_fork(request), 0)[1])
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        _bury()


def _bury() -> None:
    """Wait for the children that died while nobody buried them."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _be(request: dict[str, Any]) -> None:
    """Become the command that was asked for, and end as it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.environ.update(request["environment"])
    for name, text in request["settings"].items():
        setattr(settings, name, Path(text) if name.endswith("_DIR") else text)
    if request["lease_s"] is not None:
        lease.TTL_S, lease.RENEW_EVERY_S = request["lease_s"], request["lease_s"] / 3
    code = 1
    try:
        words = request["words"] or [run_gateway.Command()]
        call_command(*words)
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
