"""The bell between processes of one machine: a datagram to each socket in a folder they share.

An order waits for its ring, so this is the shortest way there is: the sender's own thread hands a
few bytes to the kernel and goes on. Like every ring it may be lost; nothing here raises. A socket
whose process has died is taken away by the first who rings at it.
"""

import errno
import logging
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread

logger = logging.getLogger(__name__)

MAX_DATAGRAM = 4096
#: What the kernel takes as the path of a socket, its final NUL included.
MAX_PATH = 104


class Neighbours:
    """The other processes that hear the bell in one folder; `hear` is called with each topic rung."""

    def __init__(self, folder: Path, hear: Callable[[str], None]) -> None:
        self._folder, self._hear = folder, hear
        self._name = ""
        self._lock = Lock()
        self._is_followed = False

    def follow(self) -> None:
        """Begin to hear the others; a second call changes nothing."""
        with self._lock:
            if self._is_followed:
                return
            self._is_followed = True
        try:
            own = self._bind()
        except OSError:
            logger.warning("bell of this machine not heard, this process polls", exc_info=True)
            return
        Thread(target=self._listen, args=(own,), name="bell-neighbours", daemon=True).start()

    def ring(self, topic: str) -> None:
        """Tell the others to look; from any thread, never waits, never fails."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        others = [name for name in names if name != self._name and name.endswith(".bell")]
        if not others:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for name in others:
                self._tell(sender, self._folder / name, topic.encode())

    def _tell(self, sender: socket.socket, path: Path, message: bytes) -> None:
        try:
            sender.sendto(message, str(path))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:  # nobody is bound to it any more
                path.unlink(missing_ok=True)

    def _bind(self) -> socket.socket:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}.bell"  # here, because processes are forked
        path = str(self._folder / self._name)
        if len(path.encode()) >= MAX_PATH:
            raise OSError(errno.ENAMETOOLONG, "the path of a socket is too long", path)
        own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        own.bind(path)
        return own

    def _listen(self, own: socket.socket) -> None:
        while True:
            self._hear(own.recv(MAX_DATAGRAM).decode("utf-8", "replace"))
