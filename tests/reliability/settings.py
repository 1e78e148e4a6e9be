"""The product's settings with its crash points alive; nothing else differs, also not what is durable."""

import os

from jaxbroker.settings import *  # noqa: F403  settings are names

JAXBROKER_TEST = True
JAXBROKER_VERSION = os.environ.get("JAXBROKER_TEST_VERSION") or JAXBROKER_VERSION  # noqa: F405
