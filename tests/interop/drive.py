"""Drive one client library through the acceptance script: `python -m tests.interop.drive ib_insync …`.

Prints one line of JSON and nothing else; whatever a library writes to stderr is a finding of the
caller. Needs no more than the library itself.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import sys
from dataclasses import astuple
from pathlib import Path

from tests.interop.acceptance import run_all, run_only_connecting
from tests.interop.desk import Desk
from tests.interop.journal import Complaints, Journal
from tests.interop.peer import Peer

LIBRARIES = ("ib_insync", "ib_async", "ibapi", "stoqey")


def peer_of(library: str, journal: Journal, *, folder: Path) -> Peer:
    """Return a client of a library, which is imported only now and inside a running loop."""
    if library == "stoqey":
        from tests.interop.stoqey import StoqeyPeer

        return StoqeyPeer(journal, folder)
    if library == "ibapi":
        from tests.interop.official import OfficialPeer

        return OfficialPeer(journal)
    from tests.interop.insync import InsyncPeer

    return InsyncPeer(journal, importlib.import_module(library))


async def drive(options: argparse.Namespace) -> dict[str, object]:
    journal = Journal()
    peer = peer_of(options.library, journal, folder=options.folder)
    handler = Complaints(journal)
    logging.getLogger().addHandler(handler)
    logging.getLogger("ibapi.client").setLevel(logging.INFO)
    desk = Desk(peer, port=options.port, client_id=options.client_id, version=options.version)
    if options.only_connect:
        outcomes = await run_only_connecting(desk, options.only_connect)
    else:
        outcomes = await run_all(desk)
    return {"negotiated": peer.version, "steps": [astuple(one) for one in outcomes]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--client-id", type=int, default=7)
    parser.add_argument("--version", type=int, required=True, help="the version that must be negotiated")
    parser.add_argument("--folder", type=Path, default=Path(), help="where the modules of Node are")
    parser.add_argument("--only-connect", default="", metavar="REASON")
    result = asyncio.run(drive(parser.parse_args()))
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
