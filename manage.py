#!/usr/bin/env python
"""Run a management command of JaxBroker."""

import os
import sys


def main() -> None:
    """Hand the command line to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jaxbroker.settings")
    if sys.argv[1:2] == ["run_standalone"]:
        os.environ.setdefault("JAXBROKER_STANDALONE", "true")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
