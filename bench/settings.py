"""The product's settings for benches that ask how fast it could be: nothing is paced, all else holds."""

from jaxbroker.settings import *  # noqa: F403  settings are names

JAXBROKER_TEST = True
JAXBROKER_PACED = False
