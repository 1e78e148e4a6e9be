"""Lines of a frame log or a recording as a person reads them, and the program `log` that prints a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ARROWS = {"client": ">", "server": "<"}


class BadLog(Exception):
    """The file is no frame log and no recording."""


def printed(line: dict[str, Any], *, is_raw: bool = False) -> str:
    """Return one line: time, client, arrow, message, and the fields that are not empty."""
    who = f"{line.get('connection', 0)}/{'?' if line.get('client') is None else line['client']}"
    head = f"{line['time'][11:23] if 'time' in line else format(line['at'], '12.6f')} {who:>5}"
    if "event" in line:
        return f"{head} - {line['event']} {line.get('cause', '')}".rstrip()
    head = f"{head} {_ARROWS[line['from']]} {line.get('message', 'binary')}"
    if "opaque" in line:
        return f"{head} {len(line['opaque']) * 3 // 4} bytes"
    fields: dict[str, str] = line["fields"]
    if is_raw:
        texts = [*([str(line["id"])] if line["id"] is not None else []), *fields.values()]
        return f"{head} {'|'.join(_shown(one) for one in [*texts, *line.get('left', [])])}"
    words = [f"{name}={_shown(text)}" for name, text in fields.items() if text != ""]
    words += [f"?={_shown(text)}" for text in line.get("left", [])]
    if "missing" in line:
        words.append(f"(ends before {line['missing']})")
    return f"{head} {' '.join(words)}".rstrip()


def _shown(text: str) -> str:
    # One frame, one line, whatever its fields hold.
    quoted = json.dumps(text, ensure_ascii=True)
    return quoted if " " in text or quoted[1:-1] != text else text


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a frame log or a recording. Raises BadLog where one is neither's.

    The last line may be cut off: that is how a killed process leaves it.
    """
    with path.open(encoding="ascii", errors="strict") as file:
        for number, text in enumerate(file, start=1):
            try:
                line = json.loads(text)
                is_line = isinstance(line, dict) and _is_told(line)
            except ValueError:
                if not text.endswith("\n"):
                    return
                is_line = False
            if not is_line:
                raise BadLog(f"{path}, line {number}: not a line of a frame log")
            if "recording" not in line:
                yield line


def _is_told(line: dict[str, Any]) -> bool:
    has_time = isinstance(line.get("time"), str) or isinstance(line.get("at"), float | int)
    is_frame = isinstance(line.get("fields"), dict) and line.get("from") in _ARROWS and "id" in line
    return "recording" in line or (has_time and (is_frame or "event" in line or "opaque" in line))


def main(arguments: list[str]) -> int:
    """Print a frame log or a recording: 2 if the file is neither."""
    parser = argparse.ArgumentParser(
        prog="apps.simulator log", description="Print a frame log or a recording."
    )
    parser.add_argument("file", type=Path, help="what --frame-log or record wrote")
    parser.add_argument("--client", type=int, help="only the connections of this client id")
    parser.add_argument("--message", help="only messages of this name, such as placeOrder")
    parser.add_argument("--raw", action="store_true", help="fields as they stand on the wire, empty ones too")
    asked = parser.parse_args(arguments)
    try:
        for line in read_log(asked.file):
            is_wanted = asked.client is None or line.get("client") == asked.client
            if is_wanted and asked.message in (None, line.get("message")):
                sys.stdout.write(printed(line, is_raw=asked.raw) + "\n")
    except (OSError, UnicodeDecodeError, BadLog) as error:
        sys.stderr.write(f"log: {error}\n")
        return 2
    except BrokenPipeError:
        return 0
    return 0
