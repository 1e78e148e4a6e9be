"""The ASGI application that Daphne serves: HTTP by Django, sockets by Channels."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jaxbroker.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

http = get_asgi_application()  # sets Django up; only then may its parts be imported

from apps.bridge.hot import HotOrders
from apps.bridge.urls import websockets
from apps.marketdata.board import start_follower

start_follower()

application = ProtocolTypeRouter({"http": HotOrders(http), "websocket": websockets})
