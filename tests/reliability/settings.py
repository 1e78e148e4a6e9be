"""The product's settings with its crash points alive; nothing else differs, also not what is durable."""

from jaxbroker.settings import *  # noqa: F403  settings are names

JAXBROKER_TEST = True
